package dev.cocovisor.script.random;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.script.scenario.Step;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Steps with other numbers in them, for shrinking. */
final class StepRewrite {
  private static final long K4 = PageLevel.PAGE_SIZE;

  private StepRewrite() {}

  /** Returns a step with VMs named otherwise; null if its VM has no name any more. */
  static @Nullable Step renamed(Step step, Map<Integer, Integer> names) {
    if (step instanceof Step.Launch l) {
      return l.from() == 0
          ? l
          : new Step.Launch(
              l.memory(), l.vcpus(), l.huge(), names.getOrDefault(l.from(), 0), l.policy());
    }
    if (!(step instanceof Step.OfVm of)) {
      return step;
    }
    Integer vm = names.get(of.vm());
    return vm == null ? null : withVm(of, vm);
  }

  private static Step withVm(Step.OfVm step, int vm) {
    return switch (step) {
      case Step.Populate s -> new Step.Populate(vm, s.at(), s.size(), s.value(), s.measured());
      case Step.FinalizeLaunch _ -> new Step.FinalizeLaunch(vm);
      case Step.Read s -> new Step.Read(vm, s.vcpu(), s.at(), s.shared());
      case Step.Write s -> new Step.Write(vm, s.vcpu(), s.at(), s.value(), s.shared());
      case Step.Accept s -> new Step.Accept(vm, s.vcpu(), s.at(), s.size(), s.level());
      case Step.Convert s ->
          new Step.Convert(vm, s.vcpu(), s.at(), s.size(), s.toPrivate(), s.byHost());
      case Step.Punch s -> new Step.Punch(vm, s.at(), s.size());
      case Step.Prefault s -> new Step.Prefault(vm, s.vcpu(), s.at(), s.size());
      case Step.Plug s -> new Step.Plug(vm, s.at(), s.size(), s.huge());
      case Step.Unplug s -> new Step.Unplug(vm, s.at());
      case Step.Move s -> new Step.Move(vm, s.at(), s.to());
      case Step.Reboot _ -> new Step.Reboot(vm);
      case Step.Stats _ -> new Step.Stats(vm);
      case Step.Teardown s -> new Step.Teardown(vm, s.keepMemory());
      case Step.CloseMemory _ -> new Step.CloseMemory(vm);
      case Step.Peek s -> new Step.Peek(vm, s.at(), s.via());
      case Step.Poke s -> new Step.Poke(vm, s.at(), s.value());
      case Step.Pin s -> new Step.Pin(vm, s.at(), s.size());
      case Step.Unpin _ -> new Step.Unpin(vm);
      case Step.GuestMode s -> new Step.GuestMode(vm, s.vcpu(), s.nested());
    };
  }

  /** Returns steps that say nearly the same with plainer numbers, the plainest first. */
  static List<Step> plainer(Step step) {
    Stream<? extends Step> some =
        switch (step) {
          case Step.Launch s ->
              Stream.of(
                  new Step.Launch(s.memory(), 1, false, s.from(), s.policy()),
                  new Step.Launch(s.memory(), s.vcpus(), false, s.from(), s.policy()),
                  new Step.Launch(s.memory(), 1, s.huge(), s.from(), s.policy()));
          case Step.Populate s ->
              Stream.of(
                  new Step.Populate(s.vm(), s.at(), K4, 1, true),
                  new Step.Populate(s.vm(), s.at(), s.size(), 1, true));
          case Step.Read s ->
              Stream.of(
                  new Step.Read(s.vm(), 0, 0, false), new Step.Read(s.vm(), 0, s.at(), false));
          case Step.Write s ->
              Stream.of(
                  new Step.Write(s.vm(), 0, 0, 1, false),
                  new Step.Write(s.vm(), 0, s.at(), 1, false),
                  new Step.Write(s.vm(), 0, s.at(), 1, s.shared()));
          case Step.Accept s ->
              Stream.of(
                  new Step.Accept(s.vm(), 0, s.at(), K4, null),
                  new Step.Accept(s.vm(), 0, s.at(), s.size(), s.level()));
          case Step.Convert s ->
              Stream.of(
                  new Step.Convert(s.vm(), 0, s.at(), K4, s.toPrivate(), true),
                  new Step.Convert(s.vm(), 0, s.at(), K4, s.toPrivate(), s.byHost()),
                  new Step.Convert(s.vm(), 0, s.at(), s.size(), s.toPrivate(), s.byHost()));
          case Step.Punch s -> Stream.of(new Step.Punch(s.vm(), s.at(), K4));
          case Step.Prefault s ->
              Stream.of(
                  new Step.Prefault(s.vm(), 0, s.at(), K4),
                  new Step.Prefault(s.vm(), 0, s.at(), s.size()));
          case Step.Plug s ->
              Stream.of(
                  new Step.Plug(s.vm(), s.at(), K4, false),
                  new Step.Plug(s.vm(), s.at(), s.size(), false));
          case Step.Reboot s -> Stream.of(new Step.Teardown(s.vm(), false));
          case Step.Poke s -> Stream.of(new Step.Poke(s.vm(), s.at(), 1));
          case Step.Pin s -> Stream.of(new Step.Pin(s.vm(), s.at(), K4));
          case Step.Teardown s -> Stream.of(new Step.Teardown(s.vm(), false));
          default -> Stream.empty();
        };
    return some.<Step>map(s -> s).filter(s -> !s.equals(step)).toList();
  }
}
