package dev.cocovisor.live.kvm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * As much of an arm64 processor as the stub needs: instructions are decoded by their fields as the
 * architecture's manual has them (C4, C6), accesses go to whoever holds the memory.
 */
final class Arm64Cpu {
  /** What lies around the processor. */
  interface Bus {
    /** Returns what a load sees, or throws {@link Abort}. */
    long load(long address, int bytes);

    /** Takes a store, or throws {@link Abort}. */
    void store(long address, int bytes, long value);

    /** A hypercall by x0 to x3; returns x0. */
    long hvc(long[] x);
  }

  /** The access is answered by an exception of the guest's own. */
  static final class Abort extends RuntimeException {
    private static final long serialVersionUID = 1;
    final long esr;

    Abort(long esr) {
      this.esr = esr;
    }
  }

  final long[] x = new long[32];
  private final ByteBuffer code;
  private final long base;
  private final Bus bus;
  private boolean zero;
  private long vbar;
  private long esr;
  long pc;

  Arm64Cpu(byte[] code, long base, Bus bus) {
    this.code = ByteBuffer.wrap(code).order(ByteOrder.LITTLE_ENDIAN);
    this.base = base;
    this.bus = bus;
    this.pc = base;
  }

  private static long signed(int word, int from, int bits) {
    return (long) (word << (32 - from - bits)) >> (32 - bits);
  }

  private static int field(int word, int from, int bits) {
    return (word >>> from) & ((1 << bits) - 1);
  }

  /** Carries out one instruction. */
  void step() {
    int w = code.getInt((int) (pc - base));
    try {
      pc = instruction(w);
    } catch (Abort a) {
      esr = a.esr;
      pc = vbar + 0x200;
    }
  }

  private long instruction(int w) {
    int rd = field(w, 0, 5);
    int rn = field(w, 5, 5);
    if ((w & 0xff800000) == 0xd2800000) { // MOVZ, 64 bits
      x[rd] = (long) field(w, 5, 16) << (16 * field(w, 21, 2));
    } else if ((w & 0x9f000000) == 0x10000000) { // ADR
      x[rd] = pc + ((signed(w, 5, 19) << 2) | field(w, 29, 2));
    } else if ((w & 0xffffffe0) == 0xd518c000) { // MSR VBAR_EL1 (3, 0, 12, 0, 0)
      vbar = x[rd];
    } else if ((w & 0xffffffe0) == 0xd5385200) { // MRS ESR_EL1 (3, 0, 5, 2, 0)
      x[rd] = esr;
    } else if (w == 0xd5033fdf) { // ISB
      return pc + 4;
    } else if ((w & 0xffc00000) == 0xf9400000) { // LDR, 64 bits, unsigned offset
      x[rd] = bus.load(x[rn] + 8L * field(w, 10, 12), 8);
    } else if ((w & 0xffc00000) == 0xf9000000) { // STR, 64 bits
      bus.store(x[rn] + 8L * field(w, 10, 12), 8, x[rd]);
    } else if ((w & 0xffc00000) == 0x39400000) { // LDRB
      x[rd] = bus.load(x[rn] + field(w, 10, 12), 1) & 0xff;
    } else if ((w & 0xffc00000) == 0x39000000) { // STRB
      bus.store(x[rn] + field(w, 10, 12), 1, x[rd] & 0xff);
    } else if ((w & 0xff000000) == 0xb4000000) { // CBZ, 64 bits
      return x[rd] == 0 ? pc + 4 * signed(w, 5, 19) : pc + 4;
    } else if ((w & 0xffc0001f) == 0xf100001f) { // CMP, immediate
      zero = x[rn] == field(w, 10, 12);
    } else if ((w & 0xff00001f) == 0x54000000) { // B.EQ
      return zero ? pc + 4 * signed(w, 5, 19) : pc + 4;
    } else if ((w & 0xffe0001f) == 0xd4000002) { // HVC
      x[0] = bus.hvc(x);
    } else if ((w & 0xfc000000) == 0x14000000) { // B
      return pc + 4 * signed(w, 0, 26);
    } else {
      throw new AssertionError("no instruction of the stub at 0x%x: %08x".formatted(pc, w));
    }
    return pc + 4;
  }
}
