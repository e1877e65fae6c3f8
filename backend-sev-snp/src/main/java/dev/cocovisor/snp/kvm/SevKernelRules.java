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
              "no: but for pages of zeros, SNP_LAUNCH_UPDATE needs a source",
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

  /** When SNP_LAUNCH_UPDATE looks at its arguments. */
  static final KernelRule<LaunchArguments> LAUNCH_ARGUMENTS =
      KernelRule.<LaunchArguments>row(
              "snp-launch-arguments",
              "what if SNP_LAUNCH_UPDATE has no source, one that is not aligned, or no page?")
          .before(
              LaunchArguments.TAKEN,
              "one that is not aligned is copied from, no page is no work; no source is found when"
                  + " the page is filled: EIO",
              "arch/x86/kvm/svm/sev.c, snp_launch_update, sev_gmem_post_populate (6.12.117,"
                  + " 6.16.1)",
              READ_BY,
              Grade.READ)
          .since(
              "7.2",
              LaunchArguments.ALIGNED,
              "EINVAL, but no source is still found late: EIO",
              "arch/x86/kvm/svm/sev.c, snp_launch_update (7.2.12)",
              READ_BY,
              Grade.READ)
          .since(
              "7.3",
              LaunchArguments.CHECKED,
              "EINVAL, each of them",
              "arch/x86/kvm/svm/sev.c, snp_launch_update (7.3.4)",
              READ_BY,
              Grade.READ)
          .end();

  /** Who hears of a GHCB that was not registered. */
  static final KernelRule<Boolean> GUEST_IS_TOLD =
      KernelRule.<Boolean>row(
              "snp-ghcb-not-registered", "who hears that a GHCB is not the registered one?")
          .before(
              false,
              "user space: KVM_RUN is EINVAL",
              "arch/x86/kvm/svm/sev.c, sev_handle_vmgexit (6.12.117, 6.16.1)",
              READ_BY,
              Grade.READ)
          .since(
              "7.2",
              true,
              "the guest: it goes on with SW_EXITINFO1 2 and SW_EXITINFO2 1",
              "arch/x86/kvm/svm/sev.c, sev_handle_vmgexit (7.2.12)",
              READ_BY,
              Grade.READ)
          .end();

  /** What user space may answer to a page state change. */
  static final KernelRule<Boolean> ANSWERS_ARE_CHECKED =
      KernelRule.<Boolean>row(
              "snp-page-state-answer", "what may user space answer to a page state change?")
          .before(
              false,
              "anything: what is not 0 is an error to the guest",
              "arch/x86/kvm/svm/sev.c, snp_complete_psc_msr, snp_complete_one_psc (6.12.117,"
                  + " 6.16.1)",
              READ_BY,
              Grade.READ)
          .since(
              "7.2",
              true,
              "0, EINVAL or EAGAIN; KVM_RUN is EINVAL after anything else",
              "arch/x86/kvm/svm/sev.c, snp_complete_psc_msr, snp_complete_one_psc (7.2.12)",
              READ_BY,
              Grade.READ)
          .end();

  /** What an RMP fault makes of a page that goes meanwhile. */
  static final KernelRule<RmpFaultRace> RMP_FAULT_RACE =
      KernelRule.<RmpFaultRace>row(
              "snp-rmp-fault", "what if a page goes while an RMP fault on it is dealt with?")
          .before(
              RmpFaultRace.HELD,
              "it is held meanwhile: a hole frees it afterwards, and 2 MiB from there on are"
                  + " zapped; a conversion to private around it is EAGAIN, one to shared that took"
                  + " its entry already makes the kernel warn",
              "arch/x86/kvm/svm/sev.c, sev_handle_rmp_fault (7.3.4)",
              READ_BY,
              Grade.READ)
          .since(
              "7.4",
              RmpFaultRace.LET_GO,
              "it is let go as soon as it is found; that it is not the guest's any more is nothing"
                  + " to warn of where an invalidation explains it, and nothing is zapped",
              "commits 211606532680, 375b32931b5d, acafcf32c83e (in linux-next before as"
                  + " 71a47b7fdec3, 21e858d39516, 8b0c8531a5dc)",
              "read: their subjects, and 7.3's text that they change",
              Grade.READ)
          .end();

  static final List<KernelRule<?>> ALL =
      List.of(
          CONVERTED_PAGES,
          PAGE_IS_SOURCE,
          LAUNCH_POLICY,
          LAUNCH_ARGUMENTS,
          GUEST_IS_TOLD,
          ANSWERS_ARE_CHECKED,
          RMP_FAULT_RACE);

  private SevKernelRules() {}
}
