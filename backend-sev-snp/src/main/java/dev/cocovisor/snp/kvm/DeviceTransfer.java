package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Data on its way between a guest and a device of user space, one exit after the other: 8 bytes of
 * MMIO at once, of a port as many whole elements as a page holds.
 *
 * <p>What user space brings is 0xff, as nobody answers there. Source: {@code arch/x86/kvm/x86.c},
 * kvm_sev_es_mmio, complete_sev_es_emulated_mmio, kvm_sev_es_outs, kvm_sev_es_ins,
 * complete_sev_es_emulated_ins, emulator_pio_in_out (7.3).
 */
final class DeviceTransfer {
  private static final int PAGE = 4096;
  private static final int MMIO_AT_ONCE = 8;
  private static final int EXIT_IO = 2;

  private final boolean mmio;
  private final boolean toGuest;

  /** Bytes an element has. */
  private final int size;

  private final @Nullable ScratchArea area;

  /** A port, which stays, or a guest-physical address, which moves on. */
  private long address;

  private int offset;
  private int left;

  private DeviceTransfer(
      boolean mmio, boolean toGuest, long address, int size, int left, @Nullable ScratchArea area) {
    this.mmio = mmio;
    this.toGuest = toGuest;
    this.address = address;
    this.size = size;
    this.left = left;
    this.area = area;
  }

  /**
   * MMIO of {@code length} bytes.
   *
   * @param done bytes that the kernel's own devices took
   */
  static DeviceTransfer mmio(boolean write, long address, int length, int done, ScratchArea area) {
    DeviceTransfer t = new DeviceTransfer(true, !write, address + done, 1, length - done, area);
    t.offset = done;
    return t;
  }

  /**
   * Elements of {@code size} bytes to or from a port.
   *
   * @param area where they lie; null for one element in RAX
   */
  static DeviceTransfer io(boolean in, int port, int size, int count, @Nullable ScratchArea area) {
    return new DeviceTransfer(false, in, port, size, count * size, area);
  }

  private int piece() {
    return mmio ? Math.min(MMIO_AT_ONCE, left) : Math.min(PAGE / size * size, left);
  }

  /** Tells whether one exit is all there is. */
  boolean isLast() {
    return piece() == left;
  }

  /** What user space is asked next; null where nothing is left. */
  @Nullable Exit next() {
    if (left == 0) {
      return null;
    }
    int n = piece();
    return mmio
        ? new Exit.Mmio(address, n, !toGuest)
        : new Exit.Vendor(
            EXIT_IO,
            "KVM_EXIT_IO",
            new Fields()
                .put("direction", toGuest ? 0 : 1)
                .put("size", size)
                .put("port", address)
                .put("count", n / size));
  }

  /** User space did what it was asked. */
  void answered() {
    int n = piece();
    if (toGuest && area != null) {
      byte[] data = new byte[n];
      Arrays.fill(data, (byte) 0xff);
      area.put(offset, data);
    }
    offset += n;
    left -= n;
    if (mmio) {
      address += n;
    }
    if (left == 0 && area != null) {
      area.leave();
    }
  }
}
