package dev.cocovisor.snp.rmp;

import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.trusted.TrustedOperation;

/**
 * The instructions by which a host works on its RMP or enters a guest: one table.
 *
 * <p>The number is the opcode, its bytes read from left to right. RMPUPDATE has two rows, since a
 * page that is given and one that is taken back are different work. Source: AMD's APM volume 3;
 * {@code arch/x86/virt/svm/sev.c} and {@code vmenter.S} for what Linux executes.
 */
public enum RmpInstruction implements TrustedCall {
  /** Gives a page to a guest or, with ASID 0, to the firmware. */
  RMPUPDATE_ASSIGN(
      "RMPUPDATE", 0xF20F01FEL, TrustedOperation.MAP, RmpCode.FAIL_OVERLAP, "spa gpa flags asid"),
  /** Takes a page back. */
  RMPUPDATE_CLEAR(
      "RMPUPDATE", 0xF20F01FEL, TrustedOperation.UNMAP, RmpCode.FAIL_OVERLAP, "spa gpa flags asid"),
  /** Breaks a 2 MiB entry into 512 small ones. */
  PSMASH("PSMASH", 0xF30F01FFL, TrustedOperation.SPLIT, RmpCode.FAIL_INUSE, "spa"),
  /** Enters a guest. */
  VMRUN("VMRUN", 0x0F01D8L, TrustedOperation.ENTER, 0, "vmcb vmsa");

  private final String callName;
  private final long number;
  private final String operands;
  private final int arity;
  private final TrustedOperation operation;
  private final int busy;

  RmpInstruction(
      String callName, long number, TrustedOperation operation, int busy, String operands) {
    this.callName = callName;
    this.number = number;
    this.operands = operands;
    this.arity = Operands.count(operands);
    this.operation = operation;
    this.busy = busy;
  }

  @Override
  public String callName() {
    return callName;
  }

  @Override
  public long number() {
    return number;
  }

  @Override
  public int arity() {
    return arity;
  }

  @Override
  public TrustedOperation operation() {
    return operation;
  }

  /** Returns the operands' names, in order, a blank between two. */
  public String operands() {
    return operands;
  }

  /**
   * Returns what the instruction leaves in EAX when it fails in a way, or 0 where it never does. A
   * VMRUN that is interrupted leaves {@link RmpOutcome#INTERRUPTED}.
   */
  public long failure(TrustedFault.How how) {
    return switch (how) {
      case BUSY -> busy;
      case REFUSED -> this == VMRUN ? RmpOutcome.VMEXIT_INVALID : RmpCode.FAIL_PERMISSION;
      case INTERRUPTED -> this == VMRUN ? RmpOutcome.INTERRUPTED : 0;
    };
  }
}
