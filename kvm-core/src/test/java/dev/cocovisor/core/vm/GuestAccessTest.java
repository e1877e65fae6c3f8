package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyBoolean;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.CALLS_REAL_METHODS;
import static org.mockito.Mockito.clearInvocations;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.MappingOps;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** What a vendor's hooks on the path of a guest's access decide, and what the core does then. */
class GuestAccessTest {
  private static final long M = 2L << 20;
  private static final long BASE = 1L << 30;
  private static final long HVA = 0x7f60_0000_0000L;
  private static final Exit MINE = new Exit.Hypercall(7, new long[6], 0);

  private final VmOps ops = mock(VmOps.class, CALLS_REAL_METHODS);
  private final List<Accessor> asked = new ArrayList<>();
  private boolean refuses;
  private int vm;
  private int vcpu;

  private final FakeBackend backend =
      new FakeBackend(ops) {
        @Override
        public Platform createPlatform(HostMachine host) {
          Platform plain = super.createPlatform(host);
          return new Platform() {
            @Override
            public VmOps createVm(VmContext v, VmType type) {
              return plain.createVm(v, type);
            }

            @Override
            public PhysicalGuard guard() {
              return (who, pfn, write) -> {
                if (who.kind() != Accessor.Kind.GUEST) {
                  return PhysicalGuard.Verdict.ALLOW;
                }
                asked.add(who);
                return refuses ? PhysicalGuard.Verdict.FAULT : PhysicalGuard.Verdict.ALLOW;
              };
            }
          };
        }
      };
  private final Kvm kvm = new Kvm(HostConfig.DEFAULT, List.of(backend));
  private final KvmProcess p = new KvmProcess(kvm);

  /** A VM of the type, with a page of private memory and shared memory behind it. */
  private void start(VmTraits traits) {
    doReturn(traits).when(ops).traits();
    vm = (int) p.createVm((int) p.openDevKvm(), 5);
    vcpu = (int) p.createVcpu(vm, 0);
    int fd = (int) p.createGuestMemfd(vm, M, 0);
    p.mmap(HVA, M, 3, 0x22, -1, 0);
    assertThat(p.setUserMemoryRegion2(vm, 0, 4, BASE, M, HVA, 0, fd)).isZero();
    // Where everything is private there are no attributes.
    assertThat(p.setMemoryAttributes(vm, BASE, 4096, 8, 0))
        .isEqualTo(traits.privateRule() == PrivateRule.ALWAYS ? -Errno.EINVAL.number() : 0);
  }

  private RunResult run(GuestAction action) {
    return p.guestRun(vcpu, action);
  }

  private void read(int value) {
    assertThat(run(new GuestAction.Read(BASE + 5))).isEqualTo(RunResult.ok(new Exit.Hlt(value)));
  }

  private void walkGives(Long first, Long... then) {
    clearInvocations(ops);
    doReturn(first, (Object[]) then).when(ops).guestWalk(any(), anyLong(), any(), anyBoolean());
  }

  private void walked(int times) {
    verify(ops, times(times)).guestWalk(any(), anyLong(), any(), anyBoolean());
  }

  @Test
  void whereTheVendorsHardwareWalksItsAnswerIsTaken() {
    start(VmTraits.SW_PROTECTED);
    long hpa = backend.context().gmemPfn(BASE >>> 12, true) << 12 | 5;
    walkGives(hpa);
    assertThat(run(new GuestAction.Write(BASE + 5, 9))).isEqualTo(RunResult.ok(new Exit.Hlt(-1)));
    verify(ops).guestWalk(any(), eq(BASE + 5), eq(Access.WRITE), eq(true));
    read(9);
    assertThat(run(new GuestAction.Fetch(BASE + 5, true)).errno()).isEqualTo(Errno.OK);
    verify(ops).guestWalk(any(), eq(BASE + 5), eq(Access.FETCH), eq(true));
    assertThat(asked).as("who walked has judged").isEmpty();
    assertThat(Objects.requireNonNull(p.stats(vm)).pages4k())
        .as("the core's tables are not asked")
        .isZero();

    walkGives(MappingOps.WALK_RETRY, MappingOps.WALK_RETRY, hpa);
    read(9);
    walked(3);
    verify(ops, never()).preFault(any(), anyLong(), any(), anyBoolean());

    walkGives(MappingOps.WALK_FAULT, hpa);
    read(9);
    verify(ops).preFault(any(), eq(BASE + 5), eq(Access.READ), eq(true));
    assertThat(Objects.requireNonNull(p.stats(vm)).pages4k())
        .as("the fault was handled")
        .isEqualTo(1);

    walkGives(MappingOps.WALK_CORE);
    read(9);
    walkGives(MappingOps.walkFailed(Errno.ENOMEM));
    assertThat(run(new GuestAction.Read(BASE + 5)).errno()).isEqualTo(Errno.ENOMEM);
    doAnswer(
            call -> {
              call.<VcpuContext>getArgument(0).setExit(MINE);
              return MappingOps.WALK_EXIT;
            })
        .when(ops)
        .guestWalk(any(), anyLong(), any(), anyBoolean());
    assertThat(run(new GuestAction.Read(BASE + 5))).isEqualTo(RunResult.ok(MINE));
  }

  @Test
  void aTranslationOfTheCoreIsTheVendorsToJudge() {
    start(VmTraits.SW_PROTECTED);
    final long pfn = backend.context().gmemPfn(BASE >>> 12, true);
    doReturn(AccessOutcome.RETRY, AccessOutcome.ALLOW)
        .when(ops)
        .checkTranslation(any(), anyLong(), anyLong(), any(), any(), anyBoolean());
    assertThat(run(new GuestAction.Write(BASE + 5, 9))).isEqualTo(RunResult.ok(new Exit.Hlt(-1)));
    verify(ops, times(2))
        .checkTranslation(
            any(), eq(BASE + 5), eq(pfn), eq(PageLevel.PG_4K), eq(Access.WRITE), eq(true));
    clearInvocations(ops);
    doReturn(AccessOutcome.FAULT, AccessOutcome.ALLOW)
        .when(ops)
        .checkTranslation(any(), anyLong(), anyLong(), any(), any(), anyBoolean());
    read(9);
    verify(ops).preFault(any(), eq(BASE + 5), eq(Access.READ), eq(true));
    doAnswer(
            call -> {
              call.<VcpuContext>getArgument(0).setExit(MINE);
              return AccessOutcome.EXIT;
            })
        .when(ops)
        .checkTranslation(any(), anyLong(), anyLong(), any(), any(), anyBoolean());
    assertThat(run(new GuestAction.Read(BASE + 5))).isEqualTo(RunResult.ok(MINE));
  }

  @Test
  void aFaultIsTheVendorsFirst() {
    start(VmTraits.SW_PROTECTED);
    for (AccessOutcome mended : new AccessOutcome[] {AccessOutcome.RETRY, AccessOutcome.ALLOW}) {
      clearInvocations(ops);
      doReturn(mended, AccessOutcome.FAULT)
          .when(ops)
          .preFault(any(), anyLong(), any(), anyBoolean());
      assertThat(run(new GuestAction.Read(BASE + 4096)).errno()).isEqualTo(Errno.OK);
      verify(ops, times(2)).preFault(any(), anyLong(), any(), eq(false));
      assertThat(p.madvise(HVA, M, 4)).isZero();
    }
    doAnswer(
            call -> {
              call.<VcpuContext>getArgument(0).setExit(MINE);
              return AccessOutcome.EXIT;
            })
        .when(ops)
        .preFault(any(), anyLong(), any(), anyBoolean());
    assertThat(run(new GuestAction.Read(BASE + 4096))).isEqualTo(RunResult.ok(MINE));
    assertThat(Objects.requireNonNull(p.stats(vm)).pages4k()).isZero();
  }

  @Test
  void aGuardThatRefusesAGuestItsOwnPageEndsTheRunAfterASecondLook() {
    start(VmTraits.SW_PROTECTED);
    refuses = true;
    assertThat(run(new GuestAction.Read(BASE + 5)))
        .isEqualTo(
            new RunResult(
                Errno.EFAULT, new Exit.MemoryFault(Exit.MemoryFault.PRIVATE, BASE, 4096)));
    assertThat(asked).hasSize(2);
    assertThat(run(new GuestAction.Write(BASE + 4096 + 5, 1)))
        .isEqualTo(new RunResult(Errno.EFAULT, new Exit.MemoryFault(0, BASE + 4096, 4096)));
  }

  // AMD64 APM volume 2, 15.34.5: fetches are made with the guest's key whatever the bit says.
  @Test
  void theGuestsKeyGoesWithWhatItEncryptsAndWithEveryFetch() {
    start(VmTraits.SW_PROTECTED.withPrivateRule(PrivateRule.ENCRYPTION_BIT));
    doReturn(7).when(ops).guestKey();
    int id = backend.context().id();
    Accessor plain = new Accessor(Accessor.Kind.GUEST, id, 0);
    Accessor keyed = new Accessor(Accessor.Kind.GUEST, id, 7);
    run(new GuestAction.Read(BASE + 4096, -1, false));
    run(new GuestAction.Fetch(BASE, false));
    run(new GuestAction.Read(BASE, -1, true));
    run(new GuestAction.Write(BASE + 4096, 1, -1, false));
    assertThat(asked).containsExactly(plain, keyed, keyed, plain);
    assertThat(asked.get(1)).as("one for each key, not for each access").isSameAs(asked.get(2));
    doReturn(8).when(ops).guestKey();
    run(new GuestAction.Read(BASE, -1, true));
    assertThat(asked.getLast()).isEqualTo(new Accessor(Accessor.Kind.GUEST, id, 8));
    doReturn(0).when(ops).guestKey();
    run(new GuestAction.Read(BASE, -1, true));
    assertThat(asked.getLast()).isEqualTo(plain);
  }

  @Test
  void whichAccessesArePrivateIsTheTypesRule() {
    Object[][] rows = {
      // Rule, encrypted read of shared memory, plain read of private memory, fetch without the bit.
      {PrivateRule.ATTRIBUTE, false, true, true},
      {PrivateRule.ENCRYPTION_BIT, true, false, true},
      {PrivateRule.ALWAYS, true, true, true},
      {PrivateRule.NEVER, false, false, false},
    };
    for (Object[] row : rows) {
      start(VmTraits.SW_PROTECTED.withPrivateRule((PrivateRule) row[0]));
      GuestAction[] actions = {
        new GuestAction.Read(BASE + 4096, -1, true),
        new GuestAction.Read(BASE, -1, false),
        new GuestAction.Fetch(BASE, false)
      };
      for (int i = 0; i < actions.length; i++) {
        clearInvocations(ops);
        doReturn(AccessOutcome.EXIT).when(ops).preFault(any(), anyLong(), any(), anyBoolean());
        run(actions[i]);
        verify(ops).preFault(any(), anyLong(), any(), eq((boolean) row[i + 1]));
      }
    }
  }

  // virt/kvm/kvm_main.c, kvm_arch_vcpu_pre_fault_memory (7.3): each page is the vendor's to allow.
  @Test
  void prePopulationEndsAsTheVendorOrTheVmSays() {
    start(VmTraits.SW_PROTECTED);
    doReturn(false).when(ops).preFaultAllowed();
    long[] range = {BASE, 8192};
    assertThat(p.preFaultMemory(vcpu, 0, range)).isEqualTo(-Errno.EOPNOTSUPP.number());
    doReturn(true).when(ops).preFaultAllowed();
    assertThat(p.preFaultMemory(vcpu, 0, range)).isZero();
    assertThat(range).containsExactly(BASE + 8192, 0);
    Objects.requireNonNull(p.vcpu(vcpu)).signal();
    assertThat(p.preFaultMemory(vcpu, 0, new long[] {BASE, 8192})).isEqualTo(-Errno.EINTR.number());
    backend.context().bug("over");
    assertThat(p.preFaultMemory(vcpu, 0, new long[] {BASE, 8192})).isEqualTo(-Errno.EIO.number());
  }

  // arch/x86/kvm/x86.c, vcpu_run and vcpu_enter_guest (7.3): signals and a dead VM end the run.
  @Test
  void aRunThatGoesRoundEndsBySignalsByItsVmsEndOrInVain() {
    start(VmTraits.SW_PROTECTED);
    Vcpu v = Objects.requireNonNull(p.vcpu(vcpu));
    v.readSlots();
    assertThat(v.goRound(1, 1)).isEqualTo(Errno.OK);
    assertThat(v.exit()).isNull();
    v.signal();
    assertThat(v.goRound(1, 2)).isEqualTo(Errno.EINTR);
    assertThat(v.exit()).isInstanceOf(Exit.Interrupted.class);
    assertThat(v.goRound(1, 3)).isEqualTo(Errno.OK);
    assertThat(v.goRound(1, Long.MAX_VALUE)).isEqualTo(Errno.EINTR);
    backend.context().bug("over");
    assertThat(v.goRound(1, 1)).isEqualTo(Errno.EIO);
    v.slotsRead();
  }
}
