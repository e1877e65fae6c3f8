package dev.cocovisor.tdx.vmm;

import dev.cocovisor.api.vmm.VmmRule;
import dev.cocovisor.api.vmm.VmmTopic;

/** What a TD does in each situation, in words, with the source of each rule. */
final class TdxRules {
  private TdxRules() {}

  static VmmRule of(VmmTopic topic) {
    return switch (topic) {
      case LAUNCH ->
          rule(
              "KVM takes a key (HKID) and gives the module pages for the TD and for each vCPU; "
                  + "TDH.MNG.INIT fixes the TD's attributes.",
              "arch/x86/kvm/vmx/tdx.c, __tdx_td_init, tdx_td_vcpu_init");
      case POPULATE ->
          rule(
              "TDH.MEM.PAGE.ADD copies the page into the TD under its key, at 4 KiB, and "
                  + "TDH.MR.EXTEND measures it in 16 parts if asked. The page is accepted from the "
                  + "start.",
              "arch/x86/kvm/vmx/tdx.c, tdx_gmem_post_populate; TDX module base specification, "
                  + "TDH.MEM.PAGE.ADD");
      case POPULATE_TWICE ->
          rule(
              "A gfn whose S-EPT entry is taken cannot be added again.",
              "arch/x86/kvm/vmx/tdx.c, tdx_gmem_post_populate");
      case POPULATE_LATE ->
          rule(
              "TDH.MEM.PAGE.ADD works while the TD is built only; KVM_TDX_INIT_MEM_REGION is "
                  + "refused after KVM_TDX_FINALIZE_VM.",
              "arch/x86/kvm/vmx/tdx.c, tdx_vcpu_init_mem_region");
      case FINALIZE ->
          rule(
              "TDH.MR.FINALIZE closes MRTD; from then on pages come by TDH.MEM.PAGE.AUG.",
              "arch/x86/kvm/vmx/tdx.c, tdx_td_finalize");
      case RUN_EARLY ->
          rule(
              "KVM_RUN of a TD that is not finalized is refused.",
              "arch/x86/kvm/vmx/tdx.c, tdx_vcpu_needs_initialization");
      case FIRST_TOUCH ->
          rule(
              "TDH.MEM.PAGE.AUG maps a page as pending; a TD that accesses it before "
                  + "TDG.MEM.PAGE.ACCEPT gets a #VE, or with SEPT_VE_DISABLE leaves with an EPT "
                  + "violation at which KVM gives the VM up (EIO).",
              "TDX module base specification, TDH.MEM.PAGE.AUG, TDG.MEM.PAGE.ACCEPT; "
                  + "arch/x86/kvm/vmx/tdx.c, tdx_handle_ept_violation");
      case ACCEPT ->
          rule(
              "TDG.MEM.PAGE.ACCEPT zeroes a pending page and makes it the TD's; without it the "
                  + "page is of no use.",
              "TDX module base specification, TDG.MEM.PAGE.ACCEPT");
      case ACCEPT_LEVEL ->
          rule(
              "The accept carries a size. KVM takes it as a hint for the level to map at; where"
                  + " another size is mapped already the TD learns PAGE_SIZE_MISMATCH and tries the"
                  + " smaller one.",
              "KVM: TDX huge page support for private memory (2025-04-24), patches 11 and 12,"
                  + " tdx_gmem_private_max_mapping_level; TDX module base specification,"
                  + " TDG.MEM.PAGE.ACCEPT");
      case TO_SHARED ->
          rule(
              "The private page is blocked, tracked and removed from the S-EPT and its "
                  + "contents are lost; a huge page around it is demoted first so that its "
                  + "neighbours stay. The shared alias is the VMM's page.",
              "arch/x86/kvm/vmx/tdx.c, tdx_sept_remove_leaf_spte; KVM: TDX huge page support for"
                  + " private memory (2025-04-24), patch 18");
      case TO_PRIVATE ->
          rule(
              "The page comes back by TDH.MEM.PAGE.AUG as pending: the TD must accept it "
                  + "again, and finds zeros.",
              "arch/x86/kvm/vmx/tdx.c, tdx_sept_set_private_spte; TDX module base "
                  + "specification, TDG.MEM.PAGE.ACCEPT");
      case IN_PLACE ->
          rule(
              "The page stays where it is, its contents do not: to shared it is removed from the"
                  + " S-EPT and cleared, to private it comes back by TDH.MEM.PAGE.AUG as pending"
                  + " and holds zeros once the TD accepts it.",
              "arch/x86/kvm/vmx/tdx.c, tdx_sept_remove_leaf_spte; TDX module base specification,"
                  + " TDG.MEM.PAGE.ACCEPT; the series adds no hook for TDX (read, not recorded)");
      case HOST_CONVERTS ->
          rule(
              "The host may remove any page; the TD's access leaves with "
                  + "KVM_EXIT_MEMORY_FAULT, and what returns is a page it has not accepted.",
              "arch/x86/kvm/vmx/tdx.c, tdx_handle_ept_violation");
      case WRONG_ALIAS ->
          rule(
              "The SHARED bit of the address says which half is meant; where it does not fit "
                  + "the attribute the run ends with KVM_EXIT_MEMORY_FAULT.",
              "arch/x86/kvm/mmu/mmu.c, kvm_mmu_faultin_pfn; arch/x86/kvm/vmx/tdx.c, "
                  + "tdx_handle_ept_violation");
      case PUNCH ->
          rule(
              "The pages are removed from the S-EPT before the folios go; what is faulted in "
                  + "later is pending and must be accepted.",
              "virt/kvm/guest_memfd.c, kvm_gmem_punch_hole; arch/x86/kvm/vmx/tdx.c, "
                  + "tdx_sept_remove_leaf_spte");
      case PREFAULT_EARLY ->
          rule(
              "Refused until the TD is finalized: a page mapped before would not be measured.",
              "arch/x86/kvm/mmu/mmu.c, kvm_arch_vcpu_pre_fault_memory (pre_fault_allowed)");
      case PREFAULT ->
          rule(
              "Maps pending pages; the TD still has to accept them.",
              "arch/x86/kvm/mmu/mmu.c, kvm_arch_vcpu_pre_fault_memory");
      case MMIO ->
          rule(
              "KVM cannot read the TD's instruction: the TD gets a #VE and asks by "
                  + "TDG.VP.VMCALL; an access to private memory without a slot cannot be emulated.",
              "arch/x86/kvm/vmx/tdx.c, tdx_handle_ept_violation, tdx_emulate_mmio");
      case HOT_PLUG ->
          rule(
              "Deleting a slot removes its pages from the S-EPT; new private memory must be "
                  + "accepted.",
              "arch/x86/kvm/vmx/tdx.c, tdx_sept_remove_leaf_spte; virt/kvm/kvm_main.c, "
                  + "kvm_set_memory_region");
      case MOVE ->
          rule(
              "Every page is removed with the old slot; at the new place the TD must accept, "
                  + "so nothing is kept.",
              "virt/kvm/kvm_main.c, kvm_set_memory_region; TDX module base specification, "
                  + "TDG.MEM.PAGE.ACCEPT");
      case REBOOT ->
          rule(
              "Key and MRTD die with the TD: the VMM ends it and builds another.",
              "TDX module base specification, TD life cycle");
      case TEARDOWN ->
          rule(
              "Pages are removed, vCPUs flushed, the key freed and every control page "
                  + "reclaimed; KVM clears each page with MOVDIR64B where the processor "
                  + "needs it.",
              "arch/x86/kvm/vmx/tdx.c, tdx_mmu_release_hkid, tdx_reclaim_page,"
                  + " tdx_quirk_reset_paddr");
      case HOST_USER ->
          rule(
              "The VMM's mapping is the shared half, another page than the TD's.",
              "Documentation/virt/kvm/api.rst, KVM_SET_USER_MEMORY_REGION2");
      case HOST_KERNEL ->
          rule(
              "The kernel follows the VMM's mapping to the shared half, another page than the "
                  + "TD's.",
              "virt/kvm/kvm_main.c, kvm_read_guest_page");
      case DIRECT_MAP ->
          rule(
              "The frame holds what the TD's key encrypted: a read without the key means "
                  + "nothing, and a write poisons the line for the TD.",
              "TDX module base specification, memory integrity; Documentation/arch/x86/tdx.rst");
      case FOREIGN_MEMORY ->
          rule(
              "A guest_memfd belongs to the VM it was created for (EINVAL); were it bound, the "
                  + "PAMT names the owner of each page and TDH.MEM.PAGE.AUG would refuse.",
              "virt/kvm/guest_memfd.c, kvm_gmem_prepare_memory_region; TDX module base"
                  + " specification, PAMT");
      case TRUSTED_CALLS ->
          rule(
              "Every change of the mirror is a SEAMCALL: SEPT.ADD a table, ADD or AUG a page,"
                  + " RANGE.BLOCK, TRACK, PAGE.REMOVE and PHYMEM.PAGE.WBINVD to take one away,"
                  + " DEMOTE to split.",
              "arch/x86/kvm/vmx/tdx.c, tdx_sept_map_nonleaf_spte, tdx_sept_set_private_spte, "
                  + "tdx_sept_remove_leaf_spte");
      case TABLES ->
          rule(
              "The module keeps the Secure EPT in pages KVM gives it; KVM keeps a mirror of it "
                  + "besides the tables of shared memory.",
              "arch/x86/kvm/mmu/tdp_mmu.c, __handle_changed_spte; "
                  + "arch/x86/kvm/mmu/mmu_internal.h, external_spt");
      case TRUSTED_FAULT ->
          rule(
              "OPERAND_BUSY: KVM keeps vCPUs out and calls once more, which must succeed under "
                  + "the exclusive lock. INTERRUPTED_RESTARTABLE is called again until it ends.",
              "KVM: TDX huge page support for private memory (2025-04-24), cover letter, 'Handle"
                  + " busy and errors'; arch/x86/kvm/vmx/tdx.c, tdx_sept_remove_leaf_spte");
      case OUT_OF_MEMORY ->
          rule(
              "A split needs a page for the new S-EPT table. It is made before anything is "
                  + "zapped, so that ENOMEM leaves everything as it was and the call can be made "
                  + "again.",
              "KVM: TDX huge page support for private memory (2025-04-24), patches 16 to 19,"
                  + " kvm_split_boundary_leafs");
    };
  }

  private static VmmRule rule(String says, String source) {
    return new VmmRule(says, source);
  }
}
