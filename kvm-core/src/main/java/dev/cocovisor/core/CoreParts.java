package dev.cocovisor.core;

import dev.cocovisor.api.Parts;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.core.attr.AttributeStore;
import dev.cocovisor.core.gmem.GmemFile;
import dev.cocovisor.core.gmem.GuestMemfd;
import dev.cocovisor.core.mem.FrameAllocator;
import dev.cocovisor.core.mmu.PageSizePolicy;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.mmu.TlbModel;
import dev.cocovisor.core.vm.VmParts;

/**
 * How the parts of a host are made, each of which can be replaced or wrapped.
 *
 * <p>The factories are called when a host boots, a file is opened, a VM or a vCPU is created, never
 * on the fault path. A host with the default parts sees one class behind each interface, so that
 * the compiler binds the calls on the fault path directly.
 *
 * @param frames makes the host's frame allocator
 * @param guestMemfd makes the files of KVM_CREATE_GUEST_MEMFD
 * @param vm how the parts of each VM are made
 * @param checker what {@link Kvm#checkInvariants} does
 * @param interposer asked before every call into a trusted half
 * @param others parts that are asked for by their type ({@link Parts}): steps of the kernel and of
 *     the technologies
 */
public record CoreParts(
    FrameAllocator.Factory frames,
    GuestMemfd.Factory guestMemfd,
    VmParts vm,
    InvariantChecker checker,
    Interposer interposer,
    Parts others) {
  /** The parts that are built in. */
  public static final CoreParts DEFAULT =
      new CoreParts(
          FrameAllocator::buddy,
          GmemFile::create,
          VmParts.DEFAULT,
          InvariantChecker.STANDARD,
          Interposer.NONE,
          Parts.NONE);

  /** Returns a copy with another frame allocator. */
  public CoreParts withFrames(FrameAllocator.Factory other) {
    return new CoreParts(other, guestMemfd, vm, checker, interposer, others);
  }

  /** Returns a copy with other guest_memfds. */
  public CoreParts withGuestMemfd(GuestMemfd.Factory other) {
    return new CoreParts(frames, other, vm, checker, interposer, others);
  }

  /** Returns a copy with another store of memory attributes. */
  public CoreParts withAttributes(AttributeStore.Factory other) {
    return withVm(new VmParts(other, vm.secondStage(), vm.tlb(), vm.pageSizes()));
  }

  /** Returns a copy with another second stage. */
  public CoreParts withSecondStage(SecondStage.Factory other) {
    return withVm(new VmParts(vm.attributes(), other, vm.tlb(), vm.pageSizes()));
  }

  /** Returns a copy with another TLB model. */
  public CoreParts withTlb(TlbModel.Factory other) {
    return withVm(new VmParts(vm.attributes(), vm.secondStage(), other, vm.pageSizes()));
  }

  /** Returns a copy with a page-size policy. */
  public CoreParts withPageSizes(PageSizePolicy other) {
    return withVm(new VmParts(vm.attributes(), vm.secondStage(), vm.tlb(), other));
  }

  /** Returns a copy with other checks. */
  public CoreParts withChecker(InvariantChecker other) {
    return new CoreParts(frames, guestMemfd, vm, other, interposer, others);
  }

  /** Returns a copy whose trusted halves are interfered with by another interposer. */
  public CoreParts withInterposer(Interposer other) {
    return new CoreParts(frames, guestMemfd, vm, checker, other, others);
  }

  /** Returns a copy with a part in place of the one built in of its type. */
  public <T> CoreParts with(Class<T> type, T part) {
    return new CoreParts(frames, guestMemfd, vm, checker, interposer, others.with(type, part));
  }

  private CoreParts withVm(VmParts other) {
    return new CoreParts(frames, guestMemfd, other, checker, interposer, others);
  }
}
