package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.MeasureException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The kernel of the host that a guest is launched on, as far as save areas show it: since 6.10 KVM
 * fills in the registers of the floating-point unit, and 6.6 and 6.7 switch debug swap on by
 * themselves.
 *
 * @param major first number of the release
 * @param minor second number of the release
 */
// KVM: arch/x86/kvm/svm/sev.c, sev_es_sync_vmsa, as of 6.10 (MXCSR and the x87 control word of
// guests made with KVM_SEV_INIT2; a guest made with KVM_SEV_INIT is as of 6.9); Linux commits
// d1f85fbe836e (6.6, debug swap by default) and 5abf6dceb066 (6.8, no longer). The changelog of
// virtee/sev-snp-measure 0.0.9 and 0.0.10 names the same releases.
record HostKernel(int major, int minor) {
  /** Every release from 6.10 on. */
  static final HostKernel CURRENT = new HostKernel(6, 10);

  private static final String RELEASE = "v?(\\d{1,3})\\.(\\d{1,3})(?:[.-].*)?";
  private static final long SNP_ACTIVE = 1;
  private static final long DEBUG_SWAP = 0x20;

  /**
   * Reads a release such as {@code 6.9} or {@code 6.1.55-generic}.
   *
   * @throws MeasureException if it is none, or one without SEV-ES
   */
  static HostKernel of(String release) {
    Matcher m = Pattern.compile(RELEASE).matcher(release);
    if (!m.matches()) {
      throw new MeasureException(
          "--host-kernel is a release such as 6.1 or 6.9, not '" + release + "'");
    }
    HostKernel k = new HostKernel(Integer.parseInt(m.group(1)), Integer.parseInt(m.group(2)));
    if (!k.since(5, 11)) {
      throw new MeasureException(
          "--host-kernel " + release + ": KVM runs no guests with encrypted state before 5.11");
    }
    return k;
  }

  /** Tells whether MXCSR and the x87 control word are in a save area. */
  boolean hasFpu() {
    return since(6, 10);
  }

  /** Returns SEV_FEATURES of an SNP guest whose VMM asks for nothing. */
  long snpFeatures() {
    return SNP_ACTIVE | sevEsFeatures();
  }

  /** Returns SEV_FEATURES of a SEV-ES guest. */
  long sevEsFeatures() {
    return since(6, 6) && !since(6, 8) ? DEBUG_SWAP : 0;
  }

  private boolean since(int otherMajor, int otherMinor) {
    return major > otherMajor || (major == otherMajor && minor >= otherMinor);
  }
}
