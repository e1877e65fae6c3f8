package dev.cocovisor.snp.psp;

import org.jspecify.annotations.Nullable;

/**
 * What SNP_LAUNCH_UPDATE puts into a page, and whether its content is measured.
 *
 * <p>The numbers are the firmware's and KVM's ({@code include/uapi/linux/kvm.h},
 * KVM_SEV_SNP_PAGE_TYPE_*), except {@link #VMSA}, which user space may not ask for.
 */
public enum LaunchPageType {
  /** Content is measured and encrypted. */
  NORMAL(1, true),
  /** A VM save area; measured with its TSC fields taken as zero. */
  VMSA(2, true),
  /** The page reads as zeros in the guest; only its place is measured. */
  ZERO(3, false),
  /** Content is encrypted but only its place is measured. */
  UNMEASURED(4, false),
  /** The firmware writes the guest's secrets page; only its place is measured. */
  SECRETS(5, false),
  /** The CPUID table, checked by the firmware; only its place is measured. */
  CPUID(6, false);

  private static final LaunchPageType[] ALL = values();

  private final int code;
  private final boolean contentMeasured;

  LaunchPageType(int code, boolean contentMeasured) {
    this.code = code;
    this.contentMeasured = contentMeasured;
  }

  /** Returns the firmware's number, 1 to 6. */
  public int code() {
    return code;
  }

  /** Tells whether the page's bytes enter the digest, not only its address and type. */
  public boolean contentMeasured() {
    return contentMeasured;
  }

  /** Finds a type by number; null for a number that is none. */
  public static @Nullable LaunchPageType of(int code) {
    return code >= 1 && code <= ALL.length ? ALL[code - 1] : null;
  }
}
