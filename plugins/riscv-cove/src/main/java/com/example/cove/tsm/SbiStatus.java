package com.example.cove.tsm;

/** {@code sbiret.error}. Numbers are those of the RISC-V SBI specification. */
public enum SbiStatus {
  SUCCESS(0),
  FAILED(-1),
  NOT_SUPPORTED(-2),
  INVALID_PARAM(-3),
  INVALID_ADDRESS(-5),
  ALREADY_STARTED(-7),
  /** The TVM's pool of page-table pages is empty. CoVE gives it no number; this is the model's. */
  OUT_OF_PTPAGES(-32);

  private final int code;

  SbiStatus(int code) {
    this.code = code;
  }

  /** Returns the number in {@code a0}: 0 or negative. */
  public int code() {
    return code;
  }

  /**
   * Finds a status by its number.
   *
   * @throws IllegalArgumentException if the TSM knows no such number
   */
  public static SbiStatus of(long code) {
    for (SbiStatus s : values()) {
      if (s.code == code) {
        return s;
      }
    }
    throw new IllegalArgumentException("sbiret.error " + code + " is none of this TSM's");
  }

  /** Tells whether the call did what was asked. */
  public boolean ok() {
    return this == SUCCESS;
  }
}
