package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.kernel.KernelOption;
import dev.cocovisor.api.kernel.KernelRule;
import dev.cocovisor.api.kernel.KernelRule.Grade;
import java.util.List;

/** What KVM's TDX half does otherwise on other kernels; read, not recorded. */
final class TdxKernelRules {
  private static final String READ_BY = "read in the source, never seen";

  /** Whether KVM_TDX_INIT_MEM_REGION does without source_addr. */
  static final KernelRule<Boolean> PAGE_IS_SOURCE =
      KernelRule.<Boolean>row(
              "tdx-page-is-source", "can a TD's page be added with what it holds already?")
          .before(
              false,
              "no: KVM_TDX_INIT_MEM_REGION needs a source",
              "arch/x86/kvm/vmx/tdx.c, tdx_vcpu_init_mem_region (7.3)",
              READ_BY,
              Grade.READ)
          .where(
              KernelOption.IN_PLACE_CONVERSION,
              true,
              "7.4",
              true,
              "yes: source_addr=0 adds the page with its own bytes, written while it was shared",
              "the in-place conversion series, tdx_gmem_post_populate; TDX module base"
                  + " specification, TDH.MEM.PAGE.ADD (the source may be the page itself)",
              READ_BY,
              Grade.READ)
          .end();

  /** What a region without a source answers. */
  static final KernelRule<Errno> MISSING_SOURCE =
      KernelRule.<Errno>row(
              "tdx-region-without-source", "what if KVM_TDX_INIT_MEM_REGION has source_addr=0?")
          .before(
              Errno.EFAULT,
              "EFAULT, when the page is to be pinned",
              "arch/x86/kvm/vmx/tdx.c, tdx_gmem_post_populate (6.16.1)",
              READ_BY,
              Grade.READ)
          .since(
              "7.2",
              Errno.EOPNOTSUPP,
              "EOPNOTSUPP, when the page is to be added",
              "arch/x86/kvm/vmx/tdx.c, tdx_gmem_post_populate (7.2.12)",
              READ_BY,
              Grade.READ)
          .since(
              "7.3",
              Errno.EINVAL,
              "EINVAL, before anything is done",
              "arch/x86/kvm/vmx/tdx.c, tdx_vcpu_init_mem_region (7.3.4)",
              READ_BY,
              Grade.READ)
          .end();

  /** What user space may answer to MapGPA. */
  static final KernelRule<Boolean> ANSWERS_ARE_CHECKED =
      KernelRule.<Boolean>row("tdx-map-gpa-answer", "what may user space answer to MapGPA?")
          .before(
              false,
              "anything: what is not 0 is an invalid operand to the guest",
              "arch/x86/kvm/vmx/tdx.c, tdx_complete_vmcall_map_gpa (6.16.1)",
              READ_BY,
              Grade.READ)
          .since(
              "7.2",
              true,
              "0, EAGAIN (the guest tries again) or EINVAL (an invalid operand); KVM_RUN is EINVAL"
                  + " after anything else",
              "arch/x86/kvm/vmx/tdx.c, tdx_complete_vmcall_map_gpa (7.2.12)",
              READ_BY,
              Grade.READ)
          .end();

  static final List<KernelRule<?>> ALL =
      List.of(PAGE_IS_SOURCE, MISSING_SOURCE, ANSWERS_ARE_CHECKED);

  private TdxKernelRules() {}
}
