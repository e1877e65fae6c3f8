package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import org.jspecify.annotations.Nullable;

/**
 * The memory that SW_SCRATCH names: where an event reads its data, and where its answer goes.
 *
 * <p>Inside the GHCB it is the shared buffer itself, which KVM has mapped. Outside, which only
 * version 1 of the protocol allows, KVM works on a copy: it is written back before the vCPU enters
 * the guest again where the event reads a device, and never where it writes one. What cannot be
 * written back is lost without a word. Source: {@code arch/x86/kvm/svm/sev.c},
 * setup_vmgexit_scratch, sev_es_unmap_ghcb (7.3).
 */
final class ScratchArea {
  /** Where the GHCB's shared buffer begins and ends, bytes. */
  private static final long BUFFER = 0x800;

  static final long BUFFER_END = 0xff0;

  /** What of a scratch area outside the GHCB KVM copies at most (GHCB_SCRATCH_AREA_LIMIT). */
  private static final long LIMIT = 16 * 4096;

  private static final int INVALID_SCRATCH = 3;

  private final VmContext vm;
  private final long gpa;
  private final byte @Nullable [] copy;
  private final boolean sync;

  private ScratchArea(VmContext vm, long gpa, byte @Nullable [] copy, boolean sync) {
    this.vm = vm;
    this.gpa = gpa;
    this.copy = copy;
    this.sync = sync;
  }

  /** An area, or how the exit ends without one. */
  record Setup(@Nullable ScratchArea area, @Nullable RunResult refused) {}

  /**
   * Looks at a scratch area, and copies one that is not in the GHCB.
   *
   * @param ghcb address of the GHCB, bytes
   * @param at SW_SCRATCH
   * @param length bytes that are needed, at least 1
   * @param sync whether a copy is written back
   */
  static Setup setup(SevVm sev, long ghcb, long at, long length, boolean sync) {
    if (at == 0 || Long.compareUnsigned(at + length, at) < 0) {
      return invalid(sev, "no scratch area, or one that wraps around");
    }
    if (at >>> PAGE_SHIFT == ghcb >>> PAGE_SHIFT) {
      return at < ghcb + BUFFER || at + length > ghcb + BUFFER_END
          ? invalid(sev, "outside the GHCB's shared buffer")
          : new Setup(new ScratchArea(sev.context(), at, null, false), null);
    }
    if (sev.info().ghcbVersion >= 2) {
      return invalid(sev, "outside the GHCB, which version 1 alone allows");
    }
    if (Long.compareUnsigned(length, LIMIT) > 0) {
      return invalid(sev, "more than 16 pages outside the GHCB");
    }
    byte[] copy = new byte[(int) length];
    if (!sev.context().readGuest(at, copy, 0, copy.length).ok()) {
      Errno unread = sev.refuse(Errno.EFAULT, "the scratch area cannot be read");
      return new Setup(null, new RunResult(unread, new Exit.Unknown()));
    }
    return new Setup(new ScratchArea(sev.context(), at, copy, sync), null);
  }

  private static Setup invalid(SevVm sev, String why) {
    return new Setup(null, Vmgexit.malformed(sev, INVALID_SCRATCH, why));
  }

  /** A device's data: into the GHCB at once, into a copy otherwise. */
  void put(int offset, byte[] data) {
    if (copy == null) {
      var _ = vm.writeGuest(gpa + offset, data, 0, data.length);
    } else {
      System.arraycopy(data, 0, copy, offset, data.length);
    }
  }

  /** The vCPU is about to enter the guest again. */
  void leave() {
    if (copy != null && sync) {
      var _ = vm.writeGuest(gpa, copy, 0, copy.length);
    }
  }
}
