package dev.cocovisor.snp.kvm;

import dev.cocovisor.snp.psp.LegacyFirmware;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What KVM keeps about the encryption of one VM (struct kvm_sev_info); the kvm lock guards it. */
final class SevInfo {
  static final long SNP_ACTIVE = 1;

  /** Features a VMSA may ask for: SNP is set by KVM itself; 5 is debug swap. */
  static final long SUPPORTED_FEATURES = 1L << 5;

  /** SVM_SEV_FEAT_SECURE_TSC: SNP guests', where the processor has it. */
  static final long SECURE_TSC = 1L << 9;

  boolean needInit;
  boolean active;
  boolean esActive;
  int asid;
  int handle;
  long vmsaFeatures;
  int ghcbVersion;
  boolean migrating;

  /** Pages that are pinned for the VM now; they count against RLIMIT_MEMLOCK. */
  long pagesLocked;

  /** Whether user space brings certificates for guest requests. */
  boolean certsEnabled;

  /**
   * The descriptor of the firmware's file (sev->fd): from LAUNCH_START or RECEIVE_START on. A
   * mirror has its owner's, a VM that took over another's context has none.
   */
  long firmwareFd = FirmwareFile.NONE;

  /** Whose context this VM mirrors. */
  @Nullable SevVm owner;

  final List<SevVm> mirrors = new ArrayList<>();
  final List<EncRegion> regions = new ArrayList<>();

  /** Frame of the guest context page, or -1. */
  long gctx = -1;

  /** Frame that the firmware writes its answers to guest requests to, or -1. */
  long responsePage = -1;

  boolean finished;

  /** Gone but for its mirrors, the last of which ends the context. */
  boolean orphaned;

  boolean snp() {
    return active && (vmsaFeatures & SNP_ACTIVE) != 0;
  }

  /**
   * Returns the key its guest's encrypted accesses carry: the ASID, and above it the firmware's
   * handle, since each launch makes a key of its own. An SNP guest's pages have no handle.
   */
  int key() {
    return LegacyFirmware.key(handle, asid);
  }

  /** A region that user space pinned by KVM_MEMORY_ENCRYPT_REG_REGION. */
  record EncRegion(long addr, long size, List<Long> pins) {}
}
