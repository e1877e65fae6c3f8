package dev.cocovisor.snp.measure;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The 4096-byte save area a vCPU starts from: an x86 processor after INIT, with what each VMM does
 * differently.
 */
// APM volume 2, "State Save Area" for SEV-ES guests (offsets); Linux arch/x86/include/asm/svm.h,
// struct sev_es_save_area; KVM's reset state: arch/x86/kvm/svm/svm.c, init_vmcb. libkrun: save
// areas read back from a guest, in alicefr/attestation-server-libkrun, src/vmsa.rs.
final class Vmsa {
  /** Bytes of a save area. */
  static final int SIZE = 4096;

  /** Where the boot processor starts. */
  static final long RESET_VECTOR = 0xFFFF_FFF0L;

  private static final VarHandle U16 =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle U32 =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle U64 =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final int ES = 0x00;
  private static final int CS = 0x10;
  private static final int SS = 0x20;
  private static final int DS = 0x30;
  private static final int FS = 0x40;
  private static final int GS = 0x50;
  private static final int GDTR = 0x60;
  private static final int LDTR = 0x70;
  private static final int IDTR = 0x80;
  private static final int TR = 0x90;
  private static final int EFER = 0xD0;
  private static final int CR4 = 0x148;
  private static final int CR0 = 0x158;
  private static final int DR7 = 0x160;
  private static final int DR6 = 0x168;
  private static final int RFLAGS = 0x170;
  private static final int RIP = 0x178;
  private static final int RSP = 0x1D8;
  private static final int G_PAT = 0x268;
  private static final int RDX = 0x310;
  private static final int RBP = 0x328;
  private static final int RSI = 0x330;
  private static final int SEV_FEATURES = 0x3B0;
  private static final int XCR0 = 0x3E8;
  private static final int MXCSR = 0x408;
  private static final int X87_FCW = 0x410;

  private static final long PAT_RESET = 0x0007_0406_0007_0406L;
  private static final long PAT_GCE = 0x0007_0106L;

  /** Where libkrun starts vCPUs other than the first, its stack and its boot parameters. */
  private static final int KRUN_AP = 0x9_1000;

  private static final long KRUN_STACK = 0x8FF0;
  private static final long KRUN_BOOT_PARAMS = 0x7000;

  private final byte[] page = new byte[SIZE];

  private Vmsa() {}

  /**
   * Builds the save area of a vCPU that starts in the firmware.
   *
   * @param eip linear address of the first instruction; the upper half becomes CS's base
   */
  static byte[] firmware(CpuStart cpu, long eip) {
    Vmsa v = new Vmsa();
    boolean boot = eip == RESET_VECTOR;
    Vmm vmm = cpu.vmm();
    // EC2 and libkrun set segments as KVM_SET_SREGS takes them, with no accessed or busy bit.
    boolean plain = vmm.ec2() || vmm == Vmm.KRUN;
    v.common(cpu.features());
    int code = plain && (boot || vmm == Vmm.KRUN) ? 0x9A : 0x9B;
    if (vmm == Vmm.KRUN && !boot) {
      v.segment(CS, KRUN_AP >>> 4, code, 0xFFFF, KRUN_AP);
    } else {
      v.segment(CS, 0xF000, code, 0xFFFF, eip & 0xFFFF_0000L);
      U64.set(v.page, RIP, eip & 0xFFFFL);
    }
    v.segment(SS, 0, plain ? 0x92 : 0x93, 0xFFFF, 0);
    for (int data : new int[] {ES, DS, FS, GS}) {
      v.segment(data, 0, 0x93, 0xFFFF, 0);
    }
    v.segment(TR, 0, plain ? 0x83 : 0x8B, 0xFFFF, 0);
    U64.set(v.page, CR0, 0x10L);
    U64.set(v.page, G_PAT, vmm == Vmm.GCE ? PAT_GCE : PAT_RESET);
    U64.set(v.page, RDX, cpu.edx() & 0xFFFF_FFFFL);
    if (vmm == Vmm.KRUN && boot) {
      U64.set(v.page, RSP, KRUN_STACK);
      U64.set(v.page, RBP, KRUN_STACK);
      U64.set(v.page, RSI, KRUN_BOOT_PARAMS);
    }
    if (vmm == Vmm.QEMU && cpu.kernel().hasFpu()) {
      U32.set(v.page, MXCSR, 0x1F80);
      U16.set(v.page, X87_FCW, (short) 0x37F);
    }
    return v.page;
  }

  /**
   * Builds the save area of a vCPU that starts in an SVSM: flat 32-bit protected mode.
   *
   * @param eip linear address of the first instruction
   */
  static byte[] svsm(CpuStart cpu, long eip) {
    Vmsa v = new Vmsa();
    v.common(1); // SNP active, whatever the guest asked for
    v.segment(CS, 0x08, 0xC9B, 0xFFFF_FFFF, 0);
    for (int data : new int[] {ES, SS, DS, FS}) {
      v.segment(data, 0x10, 0xC93, 0xFFFF_FFFF, 0);
    }
    v.segment(GS, 0, 0x93, 0xFFFF, 0);
    v.segment(TR, 0, 0x8B, 0xFFFF, 0);
    U64.set(v.page, CR0, 0x11L);
    U64.set(v.page, RIP, eip);
    U64.set(v.page, G_PAT, PAT_RESET);
    U64.set(v.page, RDX, cpu.signature() & 0xFFFF_FFFFL);
    if (cpu.kernel().hasFpu()) {
      U32.set(v.page, MXCSR, 0x1F80);
    }
    return v.page;
  }

  private void common(long features) {
    segment(GDTR, 0, 0, 0xFFFF, 0);
    segment(LDTR, 0, 0x82, 0xFFFF, 0);
    segment(IDTR, 0, 0, 0xFFFF, 0);
    U64.set(page, EFER, 0x1000L); // SVME, which KVM keeps set in hardware
    U64.set(page, CR4, 0x40L); // MCE
    U64.set(page, DR7, 0x400L);
    U64.set(page, DR6, 0xFFFF_0FF0L);
    U64.set(page, RFLAGS, 2L);
    U64.set(page, XCR0, 1L);
    U64.set(page, SEV_FEATURES, features);
  }

  private void segment(int at, int selector, int attributes, int limit, long base) {
    U16.set(page, at, (short) selector);
    U16.set(page, at + 2, (short) attributes);
    U32.set(page, at + 4, limit);
    U64.set(page, at + 8, base);
  }
}
