package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.kernel.KernelOption;
import dev.cocovisor.api.kernel.KernelRule;
import dev.cocovisor.api.kernel.KernelRule.Grade;
import java.util.List;

/** What KVM's SEV half does otherwise on other kernels; read, not recorded. */
final class SevKernelRules {
  private static final String READ_BY = "read in the source, never seen";

  /** What is in a page that becomes private. */
  static final KernelRule<ConvertedPages> CONVERTED_PAGES =
      KernelRule.<ConvertedPages>row(
              "snp-converted-pages", "what lies in an SNP page that becomes private?")
          .before(
              ConvertedPages.FRESH,
              "zeros: the page before was punched, and a new folio is given to the guest",
              "arch/x86/kvm/svm/sev.c, sev_gmem_make_private (7.3)",
              READ_BY,
              Grade.READ)
          .where(
              KernelOption.IN_PLACE_CONVERSION,
              true,
              "7.4",
              ConvertedPages.KEPT,
              "the bytes that lay there, seen through the guest's key; make_shared is called when"
                  + " allocated folios are converted, not only when they are freed",
              "commit 6fa1dab756fd; APM volume 2, 15.36.3 (RMPUPDATE moves no data)",
              READ_BY,
              Grade.READ)
          .end();

  /** Whether SNP_LAUNCH_UPDATE does without uaddr. */
  static final KernelRule<Boolean> PAGE_IS_SOURCE =
      KernelRule.<Boolean>row(
              "snp-page-is-source",
              "can an SNP guest's page be measured with what it holds already?")
          .before(
              false,
              "no: SNP_LAUNCH_UPDATE with uaddr=0 is EINVAL, but for pages of zeros",
              "arch/x86/kvm/svm/sev.c, snp_launch_update (7.3)",
              READ_BY,
              Grade.READ)
          .where(
              KernelOption.IN_PLACE_CONVERSION,
              true,
              "7.4",
              true,
              "yes: uaddr=0 measures and encrypts the page with its own bytes, written while it was"
                  + " shared",
              "the in-place conversion series, sev_gmem_post_populate",
              READ_BY,
              Grade.READ)
          .end();

  /** Who judges a policy without SMT or with SINGLE_SOCKET. */
  static final KernelRule<LaunchPolicy> LAUNCH_POLICY =
      KernelRule.<LaunchPolicy>row(
              "snp-launch-policy", "who judges an SNP policy without SMT, or for one socket?")
          .before(
              LaunchPolicy.SMT_AND_ANY_SOCKETS,
              "KVM: SNP_LAUNCH_START is EINVAL without SMT and with SINGLE_SOCKET",
              "arch/x86/kvm/svm/sev.c, snp_launch_start (6.12)",
              READ_BY,
              Grade.READ)
          .since(
              "6.16",
              LaunchPolicy.ANY,
              "the firmware",
              "arch/x86/kvm/svm/sev.c, KVM_SNP_POLICY_MASK_VALID (6.16)",
              READ_BY,
              Grade.READ)
          .end();

  static final List<KernelRule<?>> ALL = List.of(CONVERTED_PAGES, PAGE_IS_SOURCE, LAUNCH_POLICY);

  private SevKernelRules() {}
}
