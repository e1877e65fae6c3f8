package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import org.jspecify.annotations.Nullable;

/**
 * Devices that a guest with hidden registers reaches through its GHCB: MMIO and string IO by the
 * scratch area, other IO by RAX.
 *
 * <p>User space emulates them, except MMIO to a local APIC that is KVM's; what a read finds there
 * is not modelled and leaves the scratch area as it is. Source: {@code arch/x86/kvm/svm/sev.c},
 * sev_handle_vmgexit, sev_es_string_io; {@code svm.c}, io_interception; {@code arch/x86/kvm/x86.c},
 * kvm_sev_es_mmio, vcpu_mmio_read, kvm_fast_pio (7.3).
 */
final class GhcbDevices {
  /** SW_EXITINFO1 of IO: an input, a string, the size of an element, the port. */
  private static final long INPUT = 1;

  private static final long STRING = 1 << 2;
  private static final int SIZE_SHIFT = 4;
  private static final int SIZE = 7;
  private static final int PORT_SHIFT = 16;

  private static final int INVALID_INPUT = 5;
  private static final long WORD = 8;
  private static final long LAPIC = 0xfee0_0000L;
  private static final long LAPIC_END = LAPIC + 0x1000;

  private final SevVm sev;

  GhcbDevices(SevVm sev) {
    this.sev = sev;
  }

  RunResult mmio(SevVcpu state, boolean write, long ghcb, long address, long length, Fields f) {
    if (length == 0) {
      return Vmgexit.answer(0, 0);
    }
    if (sev.info().ghcbVersion >= 2 && Long.compareUnsigned(length, WORD) > 0) {
      return Vmgexit.malformed(sev, INVALID_INPUT, "more than 8 bytes at once");
    }
    var scratch = ScratchArea.setup(sev, ghcb, f.number("scratch"), length, !write);
    ScratchArea area = scratch.area();
    if (area == null) {
      return refused(scratch);
    }
    int done = inKernel(address, (int) length);
    return begin(state, DeviceTransfer.mmio(write, address, (int) length, done, area), area, true);
  }

  /** How many bytes KVM's own local APIC takes, 8 at once. */
  private int inKernel(long address, int length) {
    int done = 0;
    while (done < length
        && sev.context().lapicInKernel()
        && address + done >= LAPIC
        && address + done < LAPIC_END) {
      done += (int) Math.min(WORD, length - done);
    }
    return done;
  }

  RunResult io(SevVcpu state, long ghcb, long info1, long info2, Fields f) {
    int size = (int) info1 >>> SIZE_SHIFT & SIZE;
    int port = (int) info1 >>> PORT_SHIFT & 0xffff;
    boolean in = (info1 & INPUT) != 0;
    if (size == 0) {
      return Vmgexit.answer(0, 0);
    }
    if ((info1 & STRING) == 0) {
      return begin(state, DeviceTransfer.io(in, port, size, 1, null), null, false);
    }
    if (Long.compareUnsigned(info2, Integer.MAX_VALUE) > 0 || info2 * size > Integer.MAX_VALUE) {
      Errno tooMany = sev.refuse(Errno.EINVAL, "more bytes of string IO than an int counts");
      return new RunResult(tooMany, new Exit.Unknown());
    }
    int count = (int) info2;
    if (count == 0) {
      return Vmgexit.answer(0, 0);
    }
    var scratch = ScratchArea.setup(sev, ghcb, f.number("scratch"), (long) count * size, in);
    ScratchArea area = scratch.area();
    return area == null
        ? refused(scratch)
        : begin(state, DeviceTransfer.io(in, port, size, count, area), area, false);
  }

  private static RunResult refused(ScratchArea.Setup scratch) {
    RunResult r = scratch.refused();
    return r == null ? Vmgexit.answer(0, 0) : r;
  }

  /** MMIO of one exit is answered before anything else is seen, as everywhere in a log. */
  private static RunResult begin(
      SevVcpu state, DeviceTransfer t, @Nullable ScratchArea area, boolean mmio) {
    Exit exit = t.next();
    if (exit == null) {
      if (area != null) {
        area.leave();
      }
      return Vmgexit.answer(0, 0);
    }
    if (mmio && t.isLast()) {
      t.answered();
    } else {
      state.transfer = t;
    }
    return RunResult.ok(exit);
  }

  /** User space did what it was asked; the next exit, or the guest goes on. */
  RunResult answered(SevVcpu state, DeviceTransfer t) {
    t.answered();
    Exit exit = t.next();
    if (exit != null) {
      return RunResult.ok(exit);
    }
    state.transfer = null;
    return Vmgexit.answer(0, 0);
  }

  /** The vCPU runs on; whatever is left was answered meanwhile. */
  static void finish(SevVcpu state) {
    DeviceTransfer t = state.transfer;
    state.transfer = null;
    while (t != null && t.next() != null) {
      t.answered();
    }
  }
}
