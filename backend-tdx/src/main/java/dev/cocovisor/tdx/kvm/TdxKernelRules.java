package dev.cocovisor.tdx.kvm;

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
              "no: KVM_TDX_INIT_MEM_REGION with source_addr=0 is EINVAL",
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

  static final List<KernelRule<?>> ALL = List.of(PAGE_IS_SOURCE);

  private TdxKernelRules() {}
}
