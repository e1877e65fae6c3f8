package dev.cocovisor.tdx.module.abi;

/**
 * The registers a SEAMCALL or TDCALL takes and gives, in one reusable object.
 *
 * <p>RAX is leaf and version on the way in and the completion status on the way out. Not
 * thread-safe; each logical processor's caller has its own.
 */
public final class Registers {
  /** Leaf 15:0 and version 23:16; then the status. */
  public long rax;

  /** Register RCX. */
  public long rcx;

  /** Register RDX. */
  public long rdx;

  /** Register R8. */
  public long r8;

  /** Register R9. */
  public long r9;

  /** Register R10. */
  public long r10;

  /** Register R11. */
  public long r11;

  /** Register R12; only TDG.VP.VMCALL passes it. */
  public long r12;

  /** Register R13; only TDG.VP.VMCALL passes it. */
  public long r13;

  /** Register R14; only TDG.VP.VMCALL passes it. */
  public long r14;

  /** Register R15; only TDG.VP.VMCALL passes it. */
  public long r15;

  /** Creates registers that are all zero. */
  public Registers() {}

  /** Makes all registers zero. */
  public void clear() {
    rax = 0;
    rcx = 0;
    rdx = 0;
    r8 = 0;
    r9 = 0;
    r10 = 0;
    r11 = 0;
    r12 = 0;
    r13 = 0;
    r14 = 0;
    r15 = 0;
  }
}
