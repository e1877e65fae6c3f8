package dev.cocovisor.tdx.measure;

import dev.cocovisor.api.measure.MeasureException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The setup header of a Linux kernel as QEMU fills it in before the firmware sees it: who loads it,
 * where its command line and its initrd are.
 */
// QEMU hw/i386/x86-common.c, x86_load_linux; Documentation/arch/x86/boot.rst. Firmware from EDK II
// 2025.05 on is given the file as it is: OvmfPkg/Library/GenericQemuLoadImageLib.
final class SetupHeader {
  private static final long DEFAULT_INITRD_MAX = 0x37FF_FFFFL;
  private static final int ACPI_DATA = 0x2_8000;
  private static final int REAL_MODE = 0x1_0000;
  private static final int COMMAND_LINE = 0x2_0000;

  private SetupHeader() {}

  /**
   * Returns a copy with QEMU's values.
   *
   * @param initrd bytes of the initrd, 0 without one
   * @param memory bytes of the guest
   */
  static byte[] patched(String name, byte[] kernel, int initrd, long memory) {
    if (kernel.length < 0x1000 || ByteBuffer.wrap(kernel).getInt(0x202) != 0x4864_7253) {
      throw new MeasureException(
          name + ": offset 0x202: no setup header ('HdrS') of a Linux kernel");
    }
    byte[] out = kernel.clone();
    ByteBuffer k = ByteBuffer.wrap(out).order(ByteOrder.LITTLE_ENDIAN);
    int protocol = k.getShort(0x206) & 0xFFFF;
    if (protocol < 0x202 || (out[0x211] & 1) == 0) {
      throw new MeasureException(
          "%s: offset 0x206: boot protocol 0x%x, or a kernel loaded low, is too old for a TD"
              .formatted(name, protocol));
    }
    out[0x210] = (byte) 0xB0; // QEMU
    out[0x211] |= (byte) 0x80; // the heap may be used
    k.putShort(0x224, (short) (COMMAND_LINE - REAL_MODE - 0x200));
    k.putInt(0x228, COMMAND_LINE);
    if (initrd > 0) {
      k.putInt(0x218, initrdAddress(name, k, protocol, initrd, memory));
      k.putInt(0x21C, initrd);
    }
    return out;
  }

  private static int initrdAddress(
      String name, ByteBuffer k, int protocol, int initrd, long memory) {
    boolean above4g = protocol >= 0x20C && (k.getShort(0x236) & 2) != 0;
    long max =
        above4g
            ? 0xFFFF_FFFFL
            : protocol >= 0x203 ? k.getInt(0x22C) & 0xFFFF_FFFFL : DEFAULT_INITRD_MAX;
    long below = TdHob.below4g(memory);
    max = Math.min(max, below - ACPI_DATA - 1);
    if (initrd >= max) {
      throw new MeasureException(
          "%s: an initrd of 0x%x bytes does not fit a guest of 0x%x"
              .formatted(name, initrd, memory));
    }
    return (int) (max - initrd & ~4095L);
  }
}
