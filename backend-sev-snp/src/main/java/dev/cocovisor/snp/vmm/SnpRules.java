package dev.cocovisor.snp.vmm;

import dev.cocovisor.api.vmm.VmmRule;
import dev.cocovisor.api.vmm.VmmTopic;

/** What an SNP guest does in each situation, in words, with the source of each rule. */
final class SnpRules {
  private SnpRules() {}

  static VmmRule of(VmmTopic topic) {
    return switch (topic) {
      case LAUNCH ->
          rule(
              "KVM takes an ASID; SNP_LAUNCH_START makes the guest context. The CPU's RMP says "
                  + "whose each page is.",
              "arch/x86/kvm/svm/sev.c, __sev_guest_init, snp_launch_start");
      case POPULATE ->
          rule(
              "RMPUPDATE gives the page to the guest, SNP_LAUNCH_UPDATE encrypts it in place "
                  + "and measures it; it is validated from the start.",
              "arch/x86/kvm/svm/sev.c, sev_gmem_post_populate; SNP firmware ABI, "
                  + "SNP_LAUNCH_UPDATE");
      case POPULATE_TWICE ->
          rule(
              "A page whose RMP entry is assigned already is refused.",
              "arch/x86/kvm/svm/sev.c, sev_gmem_post_populate");
      case POPULATE_LATE ->
          rule(
              "SNP_LAUNCH_FINISH closes the launch digest; SNP_LAUNCH_UPDATE is refused "
                  + "afterwards.",
              "arch/x86/kvm/svm/sev.c, snp_launch_update");
      case FINALIZE ->
          rule(
              "Each vCPU's VMSA is measured, then SNP_LAUNCH_FINISH closes the digest.",
              "arch/x86/kvm/svm/sev.c, snp_launch_finish, snp_launch_update_vmsa");
      case RUN_EARLY ->
          rule(
              "A guest whose launch is not finished has no VMSA that VMRUN would take: the run "
                  + "ends with KVM_EXIT_FAIL_ENTRY.",
              "arch/x86/kvm/svm/svm.c, svm_handle_exit; APM volume 2, 15.36");
      case FIRST_TOUCH ->
          rule(
              "gmem_make_private gives the page to the guest by RMPUPDATE; until the guest "
                  + "validates it, its access is a #VC.",
              "arch/x86/kvm/svm/sev.c, sev_gmem_make_private; APM volume 2, 15.36");
      case ACCEPT ->
          rule(
              "PVALIDATE sets the RMP entry's validated bit; it does not clear the page.",
              "APM volume 3, PVALIDATE");
      case ACCEPT_LEVEL ->
          rule(
              "PVALIDATE carries a size: 2 MiB over a 4 KiB entry answers FAIL_SIZEMISMATCH; 4 "
                  + "KiB inside a 2 MiB entry is a nested fault, at which KVM smashes the entry.",
              "APM volume 3, PVALIDATE; arch/x86/kvm/svm/sev.c, sev_handle_rmp_fault");
      case TO_SHARED ->
          rule(
              "The guest gives its validation up and asks by a page state change; the VMM sets the"
                  + " attribute and punches the page, and only then RMPUPDATE takes it back. The"
                  + " shared page is the VMM's own.",
              "arch/x86/kvm/svm/sev.c, snp_begin_psc, sev_gmem_make_shared");
      case TO_PRIVATE ->
          rule(
              "A new folio is given to the guest by RMPUPDATE, not validated: the guest must "
                  + "PVALIDATE it before it may use it, and what it held is gone.",
              "arch/x86/kvm/svm/sev.c, sev_gmem_make_private; APM volume 3, PVALIDATE");
      case IN_PLACE ->
          rule(
              "The page stays where it is, its meaning does not: to shared, make_shared takes it"
                  + " back by RMPUPDATE and what the guest wrote reads as ciphertext; to private it"
                  + " is given to the guest again, not validated, and what was written in clear"
                  + " is decrypted into noise.",
              "arch/x86/kvm/svm/sev.c, sev_gmem_make_shared, called for allocated folios by commit"
                  + " 6fa1dab756fd (read, not recorded); APM volume 2, 15.36");
      case HOST_CONVERTS ->
          rule(
              "The page goes with its RMP entry; what returns is not validated, so the guest "
                  + "sees a #VC instead of a replayed page.",
              "arch/x86/kvm/svm/sev.c, sev_gmem_make_shared; APM volume 2, 15.36");
      case WRONG_ALIAS ->
          rule(
              "The C-bit of the guest's own page table says which half is meant; where it does "
                  + "not fit the attribute the run ends with KVM_EXIT_MEMORY_FAULT.",
              "arch/x86/kvm/svm/svm.c, npf_interception; arch/x86/kvm/mmu/mmu.c, "
                  + "kvm_mmu_faultin_pfn");
      case PUNCH ->
          rule(
              "gmem_make_shared makes the pages the host's again by RMPUPDATE; what comes later "
                  + "must be validated.",
              "arch/x86/kvm/svm/sev.c, sev_gmem_make_shared");
      case PREFAULT_EARLY ->
          rule(
              "Refused until SNP_LAUNCH_FINISH: preparing a private page would take it out of "
                  + "the launch's hands.",
              "arch/x86/kvm/mmu/mmu.c, kvm_arch_vcpu_pre_fault_memory (pre_fault_allowed)");
      case PREFAULT ->
          rule(
              "Maps and prepares the pages; optional for SNP, whose nested page table is not "
                  + "protected. The guest still has to validate.",
              "KVM_MAP_MEMORY cover letter; arch/x86/kvm/svm/sev.c, sev_gmem_make_private");
      case MMIO ->
          rule(
              "The guest's #VC handler asks by the GHCB; KVM sees no registers.",
              "arch/x86/kvm/svm/sev.c, setup_vmgexit_scratch, sev_handle_vmgexit");
      case HOT_PLUG ->
          rule(
              "The pages go back by RMPUPDATE when their folios are freed; new private memory "
                  + "must be validated.",
              "arch/x86/kvm/svm/sev.c, sev_gmem_make_shared");
      case MOVE ->
          rule(
              "The RMP entry holds the guest address: a page that moves does not fit its entry "
                  + "any more, so it must be given and validated anew.",
              "arch/x86/kvm/svm/sev.c, sev_gmem_make_private; APM volume 2, 15.36");
      case REBOOT ->
          rule(
              "Key and digest die with the guest context: the VMM ends the VM and launches "
                  + "another.",
              "arch/x86/kvm/svm/sev.c, sev_vm_destroy");
      case TEARDOWN ->
          rule(
              "SNP_DECOMMISSION frees the context, RMPUPDATE takes the pages back; what is "
                  + "left in them is encrypted with a key nobody has.",
              "arch/x86/kvm/svm/sev.c, sev_vm_destroy, snp_decommission_context");
      case HOST_USER ->
          rule(
              "The VMM's mapping is the shared half, another page than the guest's.",
              "Documentation/virt/kvm/api.rst, KVM_SET_USER_MEMORY_REGION2");
      case HOST_KERNEL ->
          rule(
              "The kernel follows the VMM's mapping to the shared half, another page than the "
                  + "guest's.",
              "virt/kvm/kvm_main.c, kvm_read_guest_page");
      case DIRECT_MAP ->
          rule(
              "A read sees ciphertext; a write to an assigned page is an RMP fault, which is "
                  + "why the kernel's huge mappings of such pages are split.",
              "APM volume 2, 15.36; arch/x86/virt/svm/sev.c, adjust_direct_map");
      case FOREIGN_MEMORY ->
          rule(
              "A guest_memfd belongs to the VM it was created for (EINVAL); were it bound, the "
                  + "RMP entry's ASID would not match.",
              "virt/kvm/guest_memfd.c, kvm_gmem_prepare_memory_region; APM volume 2, 15.36");
      case TRUSTED_CALLS ->
          rule(
              "The CPU is asked, not a monitor: RMPUPDATE changes an owner and PSMASH splits "
                  + "an entry, one instruction each. The firmware takes part in the launch and the "
                  + "end.",
              "arch/x86/virt/svm/sev.c, rmpupdate, psmash");
      case TABLES ->
          rule(
              "KVM's own nested tables hold everything; the RMP guards frames independently of "
                  + "them.",
              "KVM_MAP_MEMORY cover letter; arch/x86/kvm/mmu/tdp_mmu.c, kvm_tdp_mmu_map");
      case TRUSTED_FAULT ->
          rule(
              "FAIL_OVERLAP of RMPUPDATE and FAIL_INUSE of PSMASH pass: the kernel repeats the "
                  + "instruction until it works. Nothing reports an interrupt.",
              "arch/x86/virt/svm/sev.c, rmpupdate; arch/x86/kvm/svm/sev.c, snp_rmptable_psmash");
      case OUT_OF_MEMORY ->
          rule(
              "Smashing an RMP entry needs no memory, and a nested leaf around the page is "
                  + "dropped rather than split.",
              "arch/x86/kvm/svm/sev.c, sev_handle_rmp_fault; arch/x86/kvm/mmu/tdp_mmu.c, "
                  + "kvm_tdp_mmu_unmap_gfn_range");
    };
  }

  private static VmmRule rule(String says, String source) {
    return new VmmRule(says, source);
  }
}
