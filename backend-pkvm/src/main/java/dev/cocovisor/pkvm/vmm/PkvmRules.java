package dev.cocovisor.pkvm.vmm;

import dev.cocovisor.api.vmm.VmmRule;
import dev.cocovisor.api.vmm.VmmTopic;

/** What a protected guest does in each situation, in words, with the source of each rule. */
final class PkvmRules {
  private PkvmRules() {}

  static VmmRule of(VmmTopic topic) {
    return switch (topic) {
      case LAUNCH ->
          rule(
              "KVM reserves a handle at EL2 and shares its own structures with it; EL2 takes "
                  + "the VM over at the first run.",
              "arch/arm64/kvm/pkvm.c, pkvm_create_hyp_vm");
      case POPULATE ->
          rule(
              "The VMM writes into its own mapping before the guest's first touch: that page "
                  + "is donated as it is. Nothing is measured.",
              "arch/arm64/kvm/pkvm.c, pkvm_pgtable_stage2_map");
      case POPULATE_TWICE ->
          rule(
              "Writing again before the donation changes the bytes; afterwards it is a signal.",
              "arch/arm64/kvm/hyp/nvhe/mem_protect.c, host_stage2_adjust_range");
      case POPULATE_LATE ->
          rule(
              "There is no point at which contents are closed but the donation of each page.",
              "arch/arm64/kvm/hyp/nvhe/mem_protect.c, __pkvm_host_donate_guest");
      case FINALIZE ->
          rule(
              "The first run fixes VM and memslots; there is no measurement to close.",
              "arch/arm64/kvm/pkvm.c, pkvm_create_hyp_vm");
      case RUN_EARLY ->
          rule(
              "The guest may run at any time; the first run creates it at EL2.",
              "arch/arm64/kvm/arm.c, kvm_arch_vcpu_run_pid_change");
      case FIRST_TOUCH ->
          rule(
              "The VMM's page is pinned and donated, contents included; the host loses it.",
              "arch/arm64/kvm/mmu.c, pkvm_mem_abort; arch/arm64/kvm/hyp/nvhe/mem_protect.c, "
                  + "__pkvm_host_donate_guest");
      case ACCEPT ->
          rule(
              "Nothing has to be accepted: EL2 lets no page be replaced under the guest.",
              "arch/arm64/kvm/hyp/nvhe/mem_protect.c, __pkvm_host_donate_guest");
      case ACCEPT_LEVEL ->
          rule(
              "Nothing has to be accepted, so no size can be wrong.",
              "arch/arm64/kvm/hyp/nvhe/mem_protect.c, __pkvm_host_donate_guest");
      case TO_SHARED ->
          rule(
              "The guest shares the very page (MEM_SHARE): contents are kept and the VMM can "
                  + "read them in its mapping.",
              "arch/arm64/kvm/hyp/nvhe/mem_protect.c, __pkvm_guest_share_host");
      case TO_PRIVATE ->
          rule(
              "The guest takes the page back (MEM_UNSHARE): contents are kept, with whatever "
                  + "the host wrote.",
              "arch/arm64/kvm/hyp/nvhe/mem_protect.c, __pkvm_guest_unshare_host");
      case IN_PLACE ->
          rule(
              "Protected guests always convert in place, and by themselves: they share and unshare"
                  + " pages of the VMM's memory. They have no guest_memfd, so the series changes"
                  + " nothing for them.",
              "arch/arm64/kvm/hyp/nvhe/mem_protect.c, __pkvm_guest_share_host; 799c9fadc639");
      case HOST_CONVERTS ->
          rule(
              "The host has no call for it (KVM_SET_MEMORY_ATTRIBUTES is EINVAL on arm64): only "
                  + "the guest shares.",
              "virt/kvm/Kconfig, KVM_GENERIC_MEMORY_ATTRIBUTES; "
                  + "arch/arm64/kvm/hyp/nvhe/mem_protect.c, __pkvm_guest_share_host");
      case WRONG_ALIAS ->
          rule(
              "There is one address for a page, private or shared.",
              "arch/arm64/kvm/hyp/nvhe/mem_protect.c, __pkvm_guest_share_host");
      case PUNCH ->
          rule(
              "RAM is anonymous memory of the VMM: there is no file to punch, and a donated "
                  + "page is pinned.",
              "arch/arm64/kvm/mmu.c, pkvm_mem_abort");
      case PREFAULT_EARLY ->
          rule(
              "KVM on arm64 has no KVM_PRE_FAULT_MEMORY.",
              "virt/kvm/Kconfig, KVM_GENERIC_PRE_FAULT_MEMORY");
      case PREFAULT ->
          rule(
              "KVM on arm64 has no KVM_PRE_FAULT_MEMORY.",
              "virt/kvm/Kconfig, KVM_GENERIC_PRE_FAULT_MEMORY");
      case MMIO ->
          rule(
              "The abort goes on to KVM, and with it the guest's registers: EL2 copies them out at "
                  + "every exit and in again at every entry.",
              "arch/arm64/kvm/hyp/nvhe/hyp-main.c, sync_hyp_vcpu, flush_hyp_vcpu; "
                  + "arch/arm64/kvm/mmio.c, io_mem_abort");
      case HOT_PLUG ->
          rule(
              "Memslots of a protected guest are fixed after its first run: EPERM.",
              "arch/arm64/kvm/mmu.c, kvm_arch_prepare_memory_region");
      case MOVE ->
          rule(
              "Memslots of a protected guest are fixed after its first run: EPERM.",
              "arch/arm64/kvm/mmu.c, kvm_arch_prepare_memory_region");
      case REBOOT ->
          rule(
              "The VMM ends the VM; EL2 hands each page back, cleared, and the next VM begins "
                  + "anew.",
              "arch/arm64/kvm/hyp/nvhe/pkvm.c, __pkvm_reclaim_dying_guest_page");
      case TEARDOWN ->
          rule(
              "EL2 clears every page that was the guest's before the host gets it back; a page "
                  + "the guest had shared keeps its contents.",
              "arch/arm64/kvm/hyp/nvhe/mem_protect.c, __pkvm_host_reclaim_page_guest");
      case HOST_USER ->
          rule(
              "The VMM's mapping is the donated page itself: an access is SIGSEGV while the "
                  + "guest owns it, and reads the guest's bytes while it shares.",
              "arch/arm64/kvm/hyp/nvhe/mem_protect.c, handle_host_mem_abort");
      case HOST_KERNEL ->
          rule(
              "The kernel's access faults at its stage 2; copying on behalf of a system call "
                  + "recovers with EFAULT and the guest keeps its page; any other (/proc/self/mem, "
                  + "vmsplice, fork) takes it by force, cleared, and the guest's next access to it "
                  + "ends the run with EFAULT.",
              "arch/arm64/mm/extable.c; arch/arm64/mm/fault.c, __do_kernel_fault; "
                  + "arch/arm64/kvm/hyp/nvhe/mem_protect.c, __pkvm_host_force_reclaim_page_guest");
      case DIRECT_MAP ->
          rule(
              "The host's stage 2 does not map a page that is not the host's: the access "
                  + "faults.",
              "arch/arm64/kvm/hyp/nvhe/mem_protect.c, host_stage2_set_owner_locked");
      case FOREIGN_MEMORY ->
          rule(
              "Two VMs may have the same mapping, but a page is donated once: for the second, "
                  + "EL2 answers EPERM and its run fails.",
              "arch/arm64/kvm/hyp/nvhe/mem_protect.c, __pkvm_host_donate_guest");
      case TRUSTED_CALLS ->
          rule(
              "Every change is a hypercall to EL2: donate a page at a fault, reclaim it at the "
                  + "end. Sharing is the guest's call and costs the host none.",
              "arch/arm64/kvm/hyp/nvhe/hyp-main.c");
      case TABLES ->
          rule(
              "EL2 keeps the guest's stage 2 in pages the host donates ahead; KVM keeps a list "
                  + "of what it gave.",
              "arch/arm64/kvm/pkvm.c, pkvm_pgtable_stage2_map; arch/arm64/kvm/mmu.c, "
                  + "topup_hyp_memcache");
      case TRUSTED_FAULT ->
          rule(
              "EL2 takes its locks by spinning and is busy only while a vCPU or page is in use; "
                  + "KVM hands its answer on and undoes what it had prepared, except at a VM's "
                  + "end, where it warns and the page is lost.",
              "arch/arm64/kvm/hyp/nvhe/mem_protect.c, host_lock_component; "
                  + "arch/arm64/kvm/pkvm.c, __pkvm_pgtable_stage2_reclaim");
      case OUT_OF_MEMORY ->
          rule(
              "A fault fills the vCPU's cache of table pages first and fails with ENOMEM; "
                  + "sharing needs no memory.",
              "arch/arm64/kvm/mmu.c, topup_hyp_memcache");
    };
  }

  private static VmmRule rule(String says, String source) {
    return new VmmRule(says, source);
  }
}
