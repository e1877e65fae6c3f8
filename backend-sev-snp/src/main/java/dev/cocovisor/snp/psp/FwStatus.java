package dev.cocovisor.snp.psp;

/**
 * Status codes of the AMD secure processor: one table for SEV and SEV-SNP commands.
 *
 * <p>Source: {@code include/uapi/linux/psp-sev.h}, sev_ret_code.
 */
public enum FwStatus {
  SUCCESS(0x00),
  INVALID_PLATFORM_STATE(0x01),
  INVALID_GUEST_STATE(0x02),
  INVALID_CONFIG(0x03),
  INVALID_LEN(0x04),
  ALREADY_OWNED(0x05),
  INVALID_CERTIFICATE(0x06),
  POLICY_FAILURE(0x07),
  INACTIVE(0x08),
  INVALID_ADDRESS(0x09),
  BAD_SIGNATURE(0x0A),
  BAD_MEASUREMENT(0x0B),
  ASID_OWNED(0x0C),
  INVALID_ASID(0x0D),
  WBINVD_REQUIRED(0x0E),
  DFFLUSH_REQUIRED(0x0F),
  INVALID_GUEST(0x10),
  INVALID_COMMAND(0x11),
  ACTIVE(0x12),
  HWERROR_PLATFORM(0x13),
  HWERROR_UNSAFE(0x14),
  UNSUPPORTED(0x15),
  INVALID_PARAM(0x16),
  RESOURCE_LIMIT(0x17),
  SECURE_DATA_INVALID(0x18),
  INVALID_PAGE_SIZE(0x19),
  INVALID_PAGE_STATE(0x1A),
  INVALID_MDATA_ENTRY(0x1B),
  INVALID_PAGE_OWNER(0x1C),
  AEAD_OFLOW(0x1D),
  EXIT_RING_BUFFER(0x1F),
  RMP_INIT_REQUIRED(0x20),
  BAD_SVN(0x21),
  BAD_VERSION(0x22),
  SHUTDOWN_REQUIRED(0x23),
  UPDATE_FAILED(0x24),
  RESTORE_REQUIRED(0x25),
  RMP_INITIALIZATION_FAILED(0x26),
  INVALID_KEY(0x27),
  /** The kernel's mark that the firmware was not called at all. */
  NO_FW_CALL(-1);

  private final int code;

  FwStatus(int code) {
    this.code = code;
  }

  /** Returns the firmware's number. */
  public int code() {
    return code;
  }

  /**
   * Returns the status with a number.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static FwStatus of(long code) {
    for (FwStatus s : values()) {
      if (s.code == code) {
        return s;
      }
    }
    throw new IllegalArgumentException("no firmware status 0x" + Long.toHexString(code));
  }

  /** Tells whether the command was carried out. */
  public boolean ok() {
    return this == SUCCESS;
  }
}
