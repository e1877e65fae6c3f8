package dev.cocovisor.snp.kvm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The VM save area KVM hands to the firmware for a vCPU in its reset state.
 *
 * <p>Source: {@code arch/x86/kvm/svm/sev.c}, sev_es_sync_vmsa; layout {@code
 * arch/x86/include/asm/svm.h}, struct sev_es_save_area.
 */
final class VmsaPage {
  private static final int[] SEGMENTS = {0x00, 0x10, 0x20, 0x30, 0x40, 0x50};

  private VmsaPage() {}

  static byte[] reset(long sevFeatures) {
    ByteBuffer b = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
    for (int at : SEGMENTS) {
      segment(b, at, 0, 0x93, 0);
    }
    segment(b, 0x10, 0xf000, 0x9b, 0xffff_0000L);
    segment(b, 0x60, 0, 0, 0);
    segment(b, 0x70, 0, 0x82, 0);
    segment(b, 0x80, 0, 0, 0);
    segment(b, 0x90, 0, 0x8b, 0);
    b.putLong(0xD0, 0x1000).putLong(0x148, 0x40).putLong(0x158, 0x10);
    b.putLong(0x160, 0x400).putLong(0x168, 0xffff0ff0L).putLong(0x170, 2);
    b.putLong(0x178, 0xfff0).putLong(0x268, 0x0007_0406_0007_0406L).putLong(0x310, 0x600);
    b.putLong(0x3b0, sevFeatures)
        .putLong(0x3e8, 1)
        .putInt(0x408, 0x1f80)
        .putShort(0x410, (short) 0x37f);
    return b.array();
  }

  private static void segment(ByteBuffer b, int at, int selector, int attributes, long base) {
    b.putShort(at, (short) selector).putShort(at + 2, (short) attributes);
    b.putInt(at + 4, 0xffff).putLong(at + 8, base);
  }
}
