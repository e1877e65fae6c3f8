package dev.cocovisor.tck;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.tck.reference.InPlaceBackend;
import dev.cocovisor.tck.reference.InPlaceDriver;
import dev.cocovisor.tck.reference.InPlaceOps;
import dev.cocovisor.tck.reference.Monitor;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;

/** The zoo's part that converts in place, wrongly. */
enum WrongInPlace implements Mutant {
  SHARING_KEEPS_THE_HOST_OUT(
      "C01",
      (vm, m) ->
          new InPlaceOps(vm, m) {
            @Override
            protected void open(long pfn, boolean share) {}
          }),
  SHARING_WIPES(
      "C02",
      (vm, m) ->
          new InPlaceOps(vm, m) {
            @Override
            protected void open(long pfn, boolean share) {
              m.memory().zero(pfn, 1);
              super.open(pfn, share);
            }
          }),
  TAKING_BACK_LEAVES_THE_HOST_IN(
      "C07",
      (vm, m) ->
          new InPlaceOps(vm, m) {
            @Override
            protected void open(long pfn, boolean share) {
              super.open(pfn, true);
            }
          }),
  PAGES_ARE_NOT_RECLAIMED(
      "L03",
      (vm, m) ->
          new InPlaceOps(vm, m) {
            @Override
            public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
              return Errno.EPERM;
            }
          }),
  PINS_ARE_KEPT(
      "L03",
      (vm, m) ->
          new InPlaceOps(vm, m) {
            @Override
            public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
              return m.give(vm.id(), gfn, pfn, 1) ? Errno.OK : Errno.EIO;
            }
          }),
  DEVICES_ARE_KEPT_OUT("S04", InPlaceOps::new, g -> g);

  private final String rule;

  @SuppressWarnings("ImmutableEnumChecker") // a lambda without state
  private final BiFunction<VmContext, Monitor, VmOps> ops;

  @SuppressWarnings("ImmutableEnumChecker") // a lambda without state
  private final UnaryOperator<PhysicalGuard> guard;

  WrongInPlace(String rule, BiFunction<VmContext, Monitor, VmOps> ops) {
    this(rule, ops, InPlaceBackend::devicesReach);
  }

  WrongInPlace(
      String rule, BiFunction<VmContext, Monitor, VmOps> ops, UnaryOperator<PhysicalGuard> guard) {
    this.rule = rule;
    this.ops = ops;
    this.guard = guard;
  }

  @Override
  public List<String> rules() {
    return List.of(rule);
  }

  @Override
  public JudgedBackend subject() {
    return new JudgedBackend(
        new InPlaceBackend(ops, guard), new InPlaceDriver(), InPlaceTckTest.BEHAVIOURS);
  }

  @Override
  public JudgedBackend honest() {
    return new InPlaceTckTest().subject();
  }
}
