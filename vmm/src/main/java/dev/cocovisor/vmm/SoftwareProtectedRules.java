package dev.cocovisor.vmm;

import dev.cocovisor.api.vmm.VmmRule;
import dev.cocovisor.api.vmm.VmmTopic;

/** What a software-protected VM does in each situation, in words, with the source of each rule. */
final class SoftwareProtectedRules {
  private SoftwareProtectedRules() {}

  static VmmRule of(VmmTopic topic) {
    return switch (topic) {
      case LAUNCH ->
          rule(
              "KVM creates the VM; no trusted half takes part.",
              "arch/x86/kvm/x86.c, kvm_arch_init_vm");
      case POPULATE ->
          rule(
              "Nothing copies contents into private memory: the VMM can only fault pages in, "
                  + "and they begin as zeros.",
              "virt/kvm/guest_memfd.c, kvm_gmem_get_pfn");
      case POPULATE_TWICE ->
          rule(
              "A page that is mapped is found mapped; faulting it in again succeeds.",
              "arch/x86/kvm/mmu/mmu.c, kvm_arch_vcpu_pre_fault_memory");
      case POPULATE_LATE ->
          rule(
              "There is no measurement to close, so a page can be faulted in at any time.",
              "arch/x86/kvm/mmu/mmu.c, kvm_arch_vcpu_pre_fault_memory");
      case FINALIZE ->
          rule(
              "There is nothing to make final.",
              "Documentation/virt/kvm/api.rst, KVM_X86_SW_PROTECTED_VM");
      case RUN_EARLY ->
          rule(
              "The guest runs as soon as it has a vCPU.",
              "arch/x86/kvm/x86.c, kvm_arch_vcpu_ioctl_run");
      case FIRST_TOUCH ->
          rule(
              "The fault takes a zeroed page from the guest_memfd and maps it.",
              "virt/kvm/guest_memfd.c, kvm_gmem_get_pfn; arch/x86/kvm/mmu/mmu.c, "
                  + "kvm_mmu_faultin_pfn_gmem");
      case ACCEPT ->
          rule(
              "Nothing has to be accepted.",
              "Documentation/virt/kvm/api.rst, KVM_X86_SW_PROTECTED_VM");
      case ACCEPT_LEVEL ->
          rule(
              "Nothing has to be accepted, so no size can be wrong.",
              "Documentation/virt/kvm/api.rst, KVM_X86_SW_PROTECTED_VM");
      case TO_SHARED ->
          rule(
              "The attribute changes and the range is zapped; a huge leaf around it goes as a whole"
                  + " and is faulted in again in small pages. The shared page is the VMM's own,"
                  + " another page.",
              "arch/x86/kvm/mmu/mmu.c, kvm_arch_pre_set_memory_attributes");
      case TO_PRIVATE ->
          rule(
              "The attribute changes; the private page is the guest_memfd's, with what it held "
                  + "before unless a hole was punched.",
              "virt/kvm/kvm_main.c, kvm_vm_set_mem_attributes");
      case IN_PLACE ->
          rule(
              "The page stays where it is and keeps what it holds, both ways; only who may map it"
                  + " changes: while it is private the VMM's touch is SIGBUS.",
              "virt/kvm/guest_memfd.c (7.4), kvm_gmem_set_attributes; recorded:"
                  + " kvm-x86-7.4-inplace");
      case HOST_CONVERTS ->
          rule(
              "Nothing tells the guest: the access no longer fits the attribute and the run "
                  + "ends with KVM_EXIT_MEMORY_FAULT.",
              "arch/x86/kvm/mmu/mmu.c, kvm_mmu_faultin_pfn");
      case WRONG_ALIAS ->
          rule(
              "Private or shared is the attribute alone; the address has no alias to be wrong.",
              "arch/x86/kvm/mmu/mmu.c, kvm_mmu_page_fault");
      case PUNCH ->
          rule(
              "The folio is freed; the next access takes a new zeroed one.",
              "virt/kvm/guest_memfd.c, kvm_gmem_punch_hole");
      case PREFAULT_EARLY ->
          rule(
              "There is no launch to wait for: the range is mapped.",
              "arch/x86/kvm/mmu/mmu.c, kvm_arch_vcpu_pre_fault_memory");
      case PREFAULT ->
          rule(
              "Maps the range as a fault would, and does nothing else.",
              "arch/x86/kvm/mmu/mmu.c, kvm_arch_vcpu_pre_fault_memory");
      case MMIO ->
          rule(
              "The access leaves to the VMM as KVM_EXIT_MMIO, which may read the guest's "
                  + "registers.",
              "arch/x86/kvm/mmu/mmu.c, kvm_mmu_faultin_pfn");
      case HOT_PLUG ->
          rule(
              "A slot comes and goes; its mappings are zapped when it is deleted.",
              "virt/kvm/kvm_main.c, kvm_set_memory_region");
      case MOVE ->
          rule(
              "A slot with guest_memfd is not moved but deleted and made anew; the file keeps "
                  + "the contents.",
              "virt/kvm/kvm_main.c, kvm_set_memory_region");
      case REBOOT ->
          rule(
              "The VMM ends the VM and creates another with fresh memory.",
              "virt/kvm/kvm_main.c, kvm_destroy_vm");
      case TEARDOWN ->
          rule(
              "The folios go back to the host as they are; the host can read what the guest "
                  + "left until they are cleared.",
              "virt/kvm/guest_memfd.c, kvm_gmem_release");
      case HOST_USER ->
          rule(
              "The VMM's mapping is the shared half, another page than the private one.",
              "Documentation/virt/kvm/api.rst, KVM_SET_USER_MEMORY_REGION2");
      case HOST_KERNEL ->
          rule(
              "The kernel follows the VMM's mapping to the shared half, another page than the "
                  + "private one.",
              "virt/kvm/kvm_main.c, kvm_read_guest_page");
      case DIRECT_MAP ->
          rule(
              "Nothing guards the frame: the kernel reads what the guest wrote. Only processes "
                  + "are kept out.",
              "virt/kvm/guest_memfd.c, kvm_gmem_mmap");
      case FOREIGN_MEMORY ->
          rule(
              "A guest_memfd belongs to the VM it was created for; binding it to another is "
                  + "EINVAL.",
              "virt/kvm/guest_memfd.c, kvm_gmem_prepare_memory_region");
      case TRUSTED_CALLS ->
          rule(
              "There is no trusted half and no vendor hook.",
              "arch/x86/kvm/vmx/main.c, vt_x86_ops");
      case TABLES ->
          rule(
              "KVM's own TDP tables hold everything.",
              "arch/x86/kvm/mmu/tdp_mmu.c, kvm_tdp_mmu_map");
      case TRUSTED_FAULT ->
          rule(
              "There is no trusted half that could refuse.",
              "arch/x86/kvm/mmu/tdp_mmu.c, kvm_tdp_mmu_map");
      case OUT_OF_MEMORY ->
          rule(
              "A zap needs no memory. A huge leaf around a converted page is dropped rather "
                  + "than split.",
              "arch/x86/kvm/mmu/tdp_mmu.c, kvm_tdp_mmu_unmap_gfn_range");
    };
  }

  private static VmmRule rule(String says, String source) {
    return new VmmRule(says, source);
  }
}
