package dev.cocovisor.pkvm.hyp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Whatever EL2 refuses, it says the error, what was asked for and what stands in the way. */
class HypRefusalsTest {
  /** Out of a guest's and of the machine's addresses. */
  private static final long FAR = 1L << 40;

  private final List<String> told = new ArrayList<>();
  private boolean locked;

  private final Interposer lockedOut =
      (call, _, _, _, _) ->
          locked && call == Hypercall.RESERVE_VM ? -Errno.EBUSY.number() : Interposer.PROCEED;

  private final HypMachine m =
      new HypMachine(
          4,
          Hyp.RECORDED,
          lockedOut,
          new TraceSink() {
            @Override
            public boolean enabled() {
              return true;
            }

            @Override
            public void emit(TraceEvent event) {
              told.add(event.name() + " " + event.result());
            }
          });
  private final HypMachine.Guest secret = m.guest(true).loadOn(0);
  private final HypMachine.Guest plain = m.guest(false).loadOn(1);
  private final GuestTransitions ops = m.hyp.guestTransitions();

  private HypVcpu on(int cpu) {
    return Objects.requireNonNull(m.hyp.loaded(cpu));
  }

  private void refused(Errno e, String why, LongSupplier call) {
    told.clear();
    assertThat(call.getAsLong()).as(why).isEqualTo(-e.number());
    assertThat(told).contains(e.name() + " " + why);
  }

  private void refusedBelow(Errno e, String why, Supplier<Errno> transition) {
    refused(e, why, () -> -transition.get().number());
  }

  // nvhe/hyp-main.c: which vCPU and which kind of VM a call is about comes before the transition.
  @Test
  void aCallAboutTheWrongVcpuOrVm() {
    refused(
        Errno.EPERM,
        "CPU 0 gave up its privileges before",
        () -> m.call(0, Hypercall.PROT_FINALIZE));
    refused(Errno.EINVAL, "no vCPU is loaded on CPU 2", () -> m.call(2, Hypercall.VCPU_RUN, 0));
    assertThat(m.call(1, Hypercall.VCPU_RUN, 0)).isZero();
    refused(
        Errno.EINVAL,
        "no vCPU of a protected VM is loaded on CPU 1",
        () -> m.call(1, Hypercall.HOST_DONATE_GUEST, 0x100, 5));
    Hypercall[] loaded = {
      Hypercall.HOST_SHARE_GUEST, Hypercall.HOST_RELAX_PERMS_GUEST, Hypercall.HOST_MKYOUNG_GUEST
    };
    for (Hypercall c : loaded) {
      for (int cpu : new int[] {0, 2}) {
        refused(
            Errno.EINVAL,
            "no vCPU of an unprotected VM is loaded on CPU " + cpu,
            () -> m.call(cpu, c, 0x100, 5, 1, 7));
      }
    }
    Hypercall[] named = {
      Hypercall.HOST_UNSHARE_GUEST,
      Hypercall.HOST_WRPROTECT_GUEST,
      Hypercall.HOST_TEST_CLEAR_YOUNG_GUEST
    };
    for (Hypercall c : named) {
      refused(
          Errno.EINVAL,
          "handle 0x1000 is no unprotected VM",
          () -> m.call(0, c, secret.handle(), 5, 1, 0));
    }
    refused(
        Errno.EINVAL,
        "handle 0x1000 is no dying VM",
        () -> m.call(0, Hypercall.RECLAIM_DYING_GUEST_PAGE, secret.handle(), 5));
    refused(
        Errno.EINVAL,
        "no vCPU here left for a translation fault",
        () -> m.call(0, Hypercall.VCPU_IN_POISON_FAULT));
    refused(
        Errno.EINVAL,
        "no vCPU here left for a translation fault",
        () -> m.call(2, Hypercall.VCPU_IN_POISON_FAULT));
    assertThat(m.hyp.guestWalk(0, 5 << 12, false, false)).isEqualTo(Hyp.WALK_TRANSLATION_FAULT);
    refused(
        Errno.EINVAL,
        "the walk ended above the level of pages",
        () -> m.call(0, Hypercall.VCPU_IN_POISON_FAULT));
    locked = true;
    refused(
        Errno.EBUSY,
        "__pkvm_reserve_vm was not let through",
        () -> m.call(0, Hypercall.RESERVE_VM));
  }

  // nvhe/pkvm.c: __pkvm_reserve_vm, __pkvm_init_vm, __pkvm_init_vcpu, __pkvm_*_teardown_vm.
  @Test
  void theLifeOfAVm() {
    for (HostVm wrong :
        List.of(new HostVm(m.page(), true, 0x1002, 0), new HostVm(m.page(), true, 0, 1))) {
      m.register(wrong);
      assertThat(m.call(0, Hypercall.HOST_SHARE_HYP, wrong.pfn())).isZero();
      refused(
          Errno.EINVAL,
          "the host's VM has no vCPU, or no handle",
          () -> m.call(0, Hypercall.INIT_VM, wrong.pfn(), 0x300, 0x301));
      assertThat(m.hyp.pinCount(wrong.pfn())).isZero();
      assertThat(m.hyp.hostState(0x300)).isEqualTo(PageState.OWNED);
    }
    HostVm early = new HostVm(m.page(), true, 0x1005, 1);
    m.register(early);
    assertThat(m.call(0, Hypercall.HOST_SHARE_HYP, early.pfn())).isZero();
    refused(
        Errno.EINVAL,
        "handle 0x1005 is not reserved",
        () -> m.call(0, Hypercall.INIT_VM, early.pfn(), 0x300, 0x301));
    HostVcpu v = new HostVcpu(m.page(), 0, new Memcache());
    m.register(v);
    assertThat(m.call(0, Hypercall.HOST_SHARE_HYP, v.pfn())).isZero();
    refused(
        Errno.ENOENT,
        "handle 0x1009 is no VM",
        () -> m.call(0, Hypercall.INIT_VCPU, 0x1009, v.pfn(), 0x300));
    for (int index : new int[] {0, -1, 1}) {
      HostVcpu other = new HostVcpu(v.pfn(), index, new Memcache());
      m.register(other);
      refused(
          Errno.EINVAL,
          "the vCPU's index is taken, or none of the VM's when it first ran",
          () -> m.call(0, Hypercall.INIT_VCPU, secret.handle(), other.pfn(), 0x300));
      assertThat(m.hyp.pinCount(v.pfn())).isZero();
    }
    for (Hypercall end : List.of(Hypercall.START_TEARDOWN_VM, Hypercall.FINALIZE_TEARDOWN_VM)) {
      refused(Errno.EINVAL, "handle 0x1009 is no VM", () -> m.call(0, end, 0x1009));
    }
    refused(
        Errno.EINVAL,
        "handle 0x1000 is in use, or dying already",
        () -> m.call(0, Hypercall.START_TEARDOWN_VM, secret.handle()));
    refused(
        Errno.EINVAL,
        "handle 0x1000 is not dying, or in use",
        () -> m.call(0, Hypercall.FINALIZE_TEARDOWN_VM, secret.handle()));
    for (int i = 2; i < 255; i++) {
      assertThat(m.call(0, Hypercall.RESERVE_VM)).isPositive();
    }
    refused(Errno.ENOMEM, "255 VMs are there already", () -> m.call(0, Hypercall.RESERVE_VM));
    // What is no slot, or no reserved one, is left alone.
    for (int handle : new int[] {0, 0xfff, 0x1000, 0x10ff}) {
      assertThat(m.call(0, Hypercall.UNRESERVE_VM, handle)).isZero();
    }
    assertThat(m.call(0, Hypercall.RESERVE_VM)).isEqualTo(-Errno.ENOMEM.number());
    assertThat(m.call(0, Hypercall.UNRESERVE_VM, 0x10fe)).isZero();
    assertThat(m.call(0, Hypercall.RESERVE_VM)).isEqualTo(0x10fe);
  }

  // __pkvm_host_share_guest, __pkvm_host_donate_guest: range, size, state of the address, of the
  // frame, and last the cache.
  @Test
  void givingAPage() {
    HypVcpu v = on(1);
    refusedBelow(Errno.EINVAL, "permissions 0x8", () -> ops.shareGuest(v, 0x100, 5, 1, 8));
    refusedBelow(
        Errno.EINVAL,
        "VM 0x1001 gfn 0x5 or its frame is out of range",
        () -> ops.shareGuest(v, FAR, 5, 1, 7));
    refusedBelow(
        Errno.EINVAL,
        "VM 0x1001 gfn 0x10000000000 or its frame is out of range",
        () -> ops.shareGuest(v, 0x100, FAR, 1, 7));
    refusedBelow(
        Errno.EINVAL,
        "8 pages are neither one nor an aligned 2 MiB",
        () -> ops.shareGuest(v, 0x200, 0x400, 8, 7));
    refusedBelow(
        Errno.EPERM,
        "frame 0x1388, 1 pages: not the host's memory",
        () -> ops.shareGuest(v, 5000, 5, 1, 7));
    assertThat(m.hyp.hostShareFfa(0x110, 1)).isEqualTo(Errno.OK);
    assertThat(m.hyp.hostDonateHyp(0x111, 1)).isEqualTo(Errno.OK);
    plain.fill();
    assertThat(m.call(1, Hypercall.HOST_SHARE_GUEST, 0x100, 5, 1, 7)).isZero();
    refusedBelow(
        Errno.EPERM,
        "VM 0x1001 gfn 0x5 is SHARED_BORROWED, not empty",
        () -> ops.shareGuest(v, 0x101, 5, 1, 7));
    refusedBelow(
        Errno.EPERM,
        "frame 0x110 is shared with EL2 or the secure world",
        () -> ops.shareGuest(v, 0x110, 6, 1, 7));
    refusedBelow(
        Errno.EPERM,
        "frame 0x111: the host's state is NOPAGE, OWNED or shared with guests expected",
        () -> ops.shareGuest(v, 0x111, 6, 1, 7));
    String shortCache =
        "the vCPU's memcache holds 0 pages, a mapping may take " + m.hyp.geometry().minCachePages();
    refusedBelow(Errno.ENOMEM, shortCache, () -> ops.shareGuest(v, 0x101, 6, 1, 7));
    refusedBelow(Errno.ENOMEM, shortCache, () -> ops.donateGuest(on(0), 0x101, 6));
    refusedBelow(
        Errno.EINVAL,
        "VM 0x1000 gfn 0x5 or its frame is out of range",
        () -> ops.donateGuest(on(0), FAR, 5));
    refusedBelow(
        Errno.EINVAL,
        "VM 0x1000 gfn 0x10000000000 or its frame is out of range",
        () -> ops.donateGuest(on(0), 0x101, FAR));
    refusedBelow(
        Errno.EPERM,
        "frame 0x110: the host's state is SHARED_OWNED, OWNED expected",
        () -> ops.donateGuest(on(0), 0x110, 6));
    // A page of the cache that is not the host's alone: the cache counts as empty.
    secret.vcpus.get(0).memcache().pop();
    secret.vcpus.get(0).memcache().push(0x110);
    refused(
        Errno.ENOMEM,
        "x",
        () -> {
          long r = m.call(0, Hypercall.HOST_DONATE_GUEST, 0x101, 6);
          assertThat(told)
              .containsExactly(
                  "EPERM frame 0x110: the host's state is SHARED_OWNED, OWNED expected");
          told.add("ENOMEM x");
          return r;
        });
    assertThat(secret.vcpus.get(0).memcache().pop()).as("it stays the host's").isEqualTo(0x110);
    assertThat(m.violations()).isEmpty();
  }

  // __check_host_shared_guest, and the calls that change a mapping of an unprotected guest.
  @Test
  void whatIsSharedWithAGuest() {
    HypVm vm = on(1).vm;
    final HypVm sealed = on(0).vm;
    assertThat(m.call(1, Hypercall.HOST_SHARE_GUEST, 0x100, 5, 1, 7)).isZero();
    plain.fill();
    assertThat(m.call(1, Hypercall.HOST_SHARE_GUEST, 0x200, 0x400, 512, 7)).isZero();
    refusedBelow(Errno.ENOENT, "VM 0x1001 gfn 0x7 maps nothing", () -> ops.unshareGuest(vm, 7, 1));
    refusedBelow(
        Errno.E2BIG,
        "VM 0x1001 gfn 0x400 is not a mapping of 1 pages",
        () -> ops.unshareGuest(vm, 0x400, 1));
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x102, 5)).isZero();
    refusedBelow(
        Errno.EPERM,
        "VM 0x1000 gfn 0x5 is not the host's, shared",
        () -> ops.unshareGuest(sealed, 5, 1));
    for (long[] range : new long[][] {{5, 512}, {FAR, 1}, {0x400, 2}}) {
      String why =
          "VM 0x1001 gfn 0x%x, %d pages: neither a page nor an aligned 2 MiB in range"
              .formatted(range[0], range[1]);
      refusedBelow(Errno.EINVAL, why, () -> ops.unshareGuest(vm, range[0], range[1]));
      refusedBelow(Errno.EINVAL, why, () -> ops.wrprotect(vm, range[0], range[1]));
      refused(Errno.EINVAL, why, () -> ops.testClearYoung(vm, range[0], range[1], true));
    }
    String isProtected = "VM 0x1000 is a protected one";
    refusedBelow(Errno.EPERM, isProtected, () -> ops.relaxPerms(sealed, 5, 7));
    refusedBelow(Errno.EPERM, isProtected, () -> ops.wrprotect(sealed, 5, 1));
    refused(Errno.EPERM, isProtected, () -> ops.testClearYoung(sealed, 5, 1, true));
    refusedBelow(Errno.EPERM, isProtected, () -> ops.makeYoung(sealed, 5));
    refusedBelow(Errno.EINVAL, "permissions 0x8", () -> ops.relaxPerms(vm, 5, 8));
    refusedBelow(
        Errno.EAGAIN, "VM 0x1001 gfn 0x7 maps nothing any more", () -> ops.relaxPerms(vm, 7, 7));
    refusedBelow(
        Errno.EAGAIN,
        "VM 0x1001 gfn 0x10000000000 maps nothing any more",
        () -> ops.relaxPerms(vm, FAR, 7));
    // Nothing there: nothing to protect, to age or to make young.
    assertThat(ops.wrprotect(vm, 7, 1)).isEqualTo(Errno.OK);
    assertThat(ops.testClearYoung(vm, 7, 1, true)).isZero();
    assertThat(ops.makeYoung(vm, 7)).isEqualTo(Errno.OK);
    assertThat(ops.makeYoung(vm, FAR)).isEqualTo(Errno.OK);
    assertThat(m.hyp.guestState(plain.handle(), 7)).isEqualTo(PageState.NOPAGE);
    assertThat(ops.wrprotect(vm, 0x400, 512)).isEqualTo(Errno.OK);
    assertThat(m.hyp.guestWalk(1, 0x4ffL << 12, true, false)).isEqualTo(Hyp.WALK_PERMISSION_FAULT);
    // The secure world took back what is a guest's: the next unshare finds that out.
    assertThat(m.hyp.hostUnshareFfa(0x100, 1)).isEqualTo(Errno.OK);
    refusedBelow(
        Errno.EPERM,
        "frame 0x100: the host did not share this page",
        () -> ops.unshareGuest(vm, 5, 1));
  }

  // __pkvm_guest_share_host and unshare: get_valid_guest_pte, then the guest's state.
  @Test
  void aGuestsOwnCalls() {
    HypVm vm = on(0).vm;
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 5)).isZero();
    secret.fill();
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x101, 6)).isZero();
    assertThat(m.call(0, Hypercall.FORCE_RECLAIM_GUEST_PAGE, 0x101 << 12)).isZero();
    refusedBelow(
        Errno.ERANGE,
        "VM 0x1000 gfn 0x10000000000 is out of range",
        () -> ops.guestShareHost(vm, FAR));
    refusedBelow(
        Errno.EHWPOISON,
        "VM 0x1000 gfn 0x6 lost its page by force",
        () -> ops.guestShareHost(vm, 6));
    refusedBelow(Errno.ENOENT, "VM 0x1000 gfn 0x7 maps nothing", () -> ops.guestUnshareHost(vm, 7));
    refusedBelow(
        Errno.EPERM,
        "VM 0x1000 gfn 0x5 is OWNED, SHARED_OWNED expected",
        () -> ops.guestUnshareHost(vm, 5));
    assertThat(ops.guestShareHost(vm, 5)).isEqualTo(Errno.OK);
    refusedBelow(
        Errno.EPERM,
        "VM 0x1000 gfn 0x5 is SHARED_OWNED, OWNED expected",
        () -> ops.guestShareHost(vm, 5));
    assertThat(m.call(1, Hypercall.HOST_SHARE_GUEST, 0x200, 0x400, 512, 7)).isZero();
    refusedBelow(
        Errno.E2BIG,
        "VM 0x1001 gfn 0x401 is part of a block",
        () -> ops.guestShareHost(on(1).vm, 0x401));
  }

  // __pkvm_host_force_reclaim_page_guest and __pkvm_host_reclaim_page_guest.
  @Test
  void takingAPageBack() {
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 5)).isZero();
    assertThat(m.call(1, Hypercall.HOST_SHARE_GUEST, 0x101, 5, 1, 7)).isZero();
    assertThat(m.hyp.hostDonateHyp(0x111, 1)).isEqualTo(Errno.OK);
    refusedBelow(Errno.EFAULT, "frame 0x1388 is no memory", () -> ops.forceReclaim(5000));
    refusedBelow(Errno.EAGAIN, "frame 0x102 is the host's already", () -> ops.forceReclaim(0x102));
    refusedBelow(Errno.EPERM, "frame 0x111 is no guest's", () -> ops.forceReclaim(0x111));
    refusedBelow(
        Errno.EPERM,
        "VM 0x1001 gfn 0x5 is the host's page, shared",
        () -> ops.reclaimDying(on(1).vm, 5));
    refusedBelow(
        Errno.ENOENT, "VM 0x1001 gfn 0x6 maps nothing", () -> ops.reclaimDying(on(1).vm, 6));
    m.call(0, Hypercall.VCPU_PUT);
    m.call(0, Hypercall.START_TEARDOWN_VM, secret.handle());
    secret.bury();
    refusedBelow(
        Errno.EAGAIN, "the VM that owns frame 0x100 is gone", () -> ops.forceReclaim(0x100));
    assertThat(m.hyp.hostState(0x100)).isEqualTo(PageState.NOPAGE);
  }

  // __pkvm_host_unshare_hyp, __pkvm_hyp_donate_host: what EL2 pinned or uses stays.
  @Test
  void whatEl2Uses() {
    final long own = plain.vm.pfn() + 1;
    refusedBelow(
        Errno.EBUSY,
        "frame 0x%x is pinned by EL2".formatted(plain.vm.pfn()),
        () -> Errno.of((int) -m.call(0, Hypercall.HOST_UNSHARE_HYP, plain.vm.pfn())));
    assertThat(m.hyp.hypState(own)).isEqualTo(PageState.OWNED);
    refusedBelow(
        Errno.EBUSY,
        "frame 0x%x is in use at EL2".formatted(own),
        () -> m.hyp.hypDonateHost(own, 1));
    for (long pages : new long[] {1, 0, -1, Long.MAX_VALUE}) {
      long pfn = pages == 1 ? FAR : 0x100;
      String why = "frame 0x%x, %d pages: out of range".formatted(pfn, pages);
      refusedBelow(Errno.EINVAL, why, () -> m.hyp.hostDonateHyp(pfn, pages));
      refusedBelow(Errno.EINVAL, why, () -> m.hyp.hypDonateHost(pfn, pages));
      refusedBelow(Errno.EINVAL, why, () -> m.hyp.hostShareFfa(pfn, pages));
      refusedBelow(Errno.EINVAL, why, () -> m.hyp.hostUnshareFfa(pfn, pages));
    }
    assertThat(m.hyp.hostShareFfa(0x110, 2)).isEqualTo(Errno.OK);
    refused(
        Errno.EPERM,
        "frame 0x110: EL2's state is NOPAGE, SHARED_BORROWED expected",
        () -> m.call(0, Hypercall.HOST_UNSHARE_HYP, 0x110));
    // All pages are looked at before one is changed.
    refusedBelow(
        Errno.EPERM,
        "frame 0x110: the host's state is SHARED_OWNED, OWNED expected",
        () -> m.hyp.hostDonateHyp(0x10f, 2));
    assertThat(m.hyp.hostState(0x10f)).isEqualTo(PageState.OWNED);
  }
}
