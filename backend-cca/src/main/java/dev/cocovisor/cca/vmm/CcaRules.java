package dev.cocovisor.cca.vmm;

import dev.cocovisor.api.vmm.VmmRule;
import dev.cocovisor.api.vmm.VmmTopic;

/** What a realm does in each situation, in words, with the source of each rule. */
final class CcaRules {
  private CcaRules() {}

  static VmmRule of(VmmTopic topic) {
    return switch (topic) {
      case LAUNCH ->
          rule(
              "Nothing is made at creation: the realm descriptor, its tables and RECs are "
                  + "delegated granules, taken when the realm is first needed.",
              "KVM CCA series, arch/arm64/kvm/rmi.c, realm_ensure_created; RMM specification "
                  + "DEN0137, RMI_REALM_CREATE");
      case POPULATE ->
          rule(
              "RMI_DATA_CREATE copies the page into a delegated granule and measures contents "
                  + "or address; its RIPAS is RAM.",
              "DEN0137, RMI_DATA_CREATE");
      case POPULATE_TWICE ->
          rule(
              "An IPA that is ASSIGNED already is refused.",
              "DEN0137, RMI_DATA_CREATE, failure conditions");
      case POPULATE_LATE ->
          rule(
              "RMI_DATA_CREATE needs a realm that is NEW; activation closes the RIM.",
              "DEN0137, RMI_DATA_CREATE, RMI_REALM_ACTIVATE");
      case FINALIZE ->
          rule(
              "RMI_REALM_ACTIVATE closes the RIM; KVM calls it at the first run.",
              "KVM CCA series, arch/arm64/kvm/rmi.c, kvm_activate_realm; DEN0137, "
                  + "RMI_REALM_ACTIVATE");
      case RUN_EARLY ->
          rule(
              "The first run activates the realm itself, so there is no too early; a VMM ends its "
                  + "launch with one.",
              "KVM CCA series, arch/arm64/kvm/rmi.c, kvm_rec_pre_enter");
      case FIRST_TOUCH ->
          rule(
              "KVM delegates a granule and maps it by RMI_DATA_CREATE_UNKNOWN; the RMM clears "
                  + "it, and where RIPAS is RAM the realm finds it usable.",
              "KVM CCA series, arch/arm64/kvm/rmi.c, realm_map_protected; DEN0137, "
                  + "RMI_DATA_CREATE_UNKNOWN");
      case ACCEPT ->
          rule(
              "RIPAS of boot memory is RAM from the start; there is nothing to accept page by "
                  + "page.",
              "DEN0137, RMI_RTT_INIT_RIPAS");
      case ACCEPT_LEVEL ->
          rule(
              "RIPAS has no page size: the RMM walks whatever tables there are.",
              "DEN0137, RSI_IPA_STATE_SET");
      case TO_SHARED ->
          rule(
              "The realm asks by RSI_IPA_STATE_SET(EMPTY); the host unmaps by RMI_DATA_DESTROY, at"
                  + " which the RMM clears the granule. The shared alias is the VMM's page.",
              "DEN0137, RSI_IPA_STATE_SET, RMI_DATA_DESTROY; KVM CCA series, "
                  + "realm_unmap_private_page");
      case TO_PRIVATE ->
          rule(
              "RSI_IPA_STATE_SET(RAM), with the realm's consent to lose destroyed contents; "
                  + "the page that comes is cleared.",
              "DEN0137, RSI_IPA_STATE_SET");
      case IN_PLACE ->
          rule(
              "The page stays where it is, its contents do not: to shared, RMI_DATA_DESTROY and"
                  + " undelegation, at which the RMM clears the granule; to private it is delegated"
                  + " and comes back cleared, once the realm says RAM.",
              "KVM CCA series v15, which needs conversion in place (read, not recorded); DEN0137,"
                  + " RMI_DATA_DESTROY, RMI_GRANULE_UNDELEGATE");
      case HOST_CONVERTS ->
          rule(
              "RMI_DATA_DESTROY of a RAM page leaves RIPAS DESTROYED: the realm's access is an "
                  + "abort in the realm until it says RAM again, so a loss never goes unseen.",
              "DEN0137, RMI_DATA_DESTROY, RIPAS DESTROYED");
      case WRONG_ALIAS ->
          rule(
              "The top IPA bit says which half is meant; the run ends with "
                  + "KVM_EXIT_MEMORY_FAULT where the attribute differs.",
              "KVM CCA series, arch/arm64/kvm/mmu.c, private_memslot_fault");
      case PUNCH ->
          rule(
              "The granules are destroyed and undelegated; RIPAS becomes DESTROYED and the "
                  + "realm must ask for RAM again.",
              "KVM CCA series, realm_unmap_private_page; DEN0137, RMI_DATA_DESTROY");
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
              "A REC exit shows the syndrome and the one register the access needs; memory "
                  + "outside slots in protected IPA space is an abort in the realm.",
              "DEN0137, REC exit due to Data Abort; KVM CCA series, arch/arm64/kvm/rmi-exit.c");
      case HOT_PLUG ->
          rule(
              "Deleting a slot destroys its granules; new memory has RIPAS EMPTY until the "
                  + "realm asks for RAM.",
              "KVM CCA series, kvm_realm_unmap_range; DEN0137, RSI_IPA_STATE_SET");
      case MOVE ->
          rule(
              "Pages are destroyed with the old slot; at the new place RIPAS is EMPTY.",
              "DEN0137, RMI_DATA_DESTROY");
      case REBOOT ->
          rule(
              "RIM and VMID die with the realm: the VMM ends it and creates another.",
              "DEN0137, RMI_REALM_DESTROY");
      case TEARDOWN ->
          rule(
              "RECs, data, tables and descriptor are destroyed and each granule undelegated, "
                  + "cleared by the RMM.",
              "KVM CCA series, kvm_destroy_realm; DEN0137, RMI_GRANULE_UNDELEGATE");
      case HOST_USER ->
          rule(
              "The VMM's mapping is the shared half, another page than the realm's.",
              "Documentation/virt/kvm/api.rst, KVM_SET_USER_MEMORY_REGION2");
      case HOST_KERNEL ->
          rule(
              "The kernel follows the VMM's mapping to the shared half, another page than the "
                  + "realm's.",
              "virt/kvm/kvm_main.c, kvm_read_guest_page");
      case DIRECT_MAP ->
          rule(
              "A delegated granule is in the Realm physical address space: the host's access "
                  + "is a granule protection fault.",
              "DEN0137, RMI_GRANULE_DELEGATE; Arm RME, granule protection check");
      case FOREIGN_MEMORY ->
          rule(
              "A guest_memfd belongs to the VM it was created for (EINVAL); were it bound, a "
                  + "granule that is DATA of one realm cannot be delegated for another.",
              "virt/kvm/guest_memfd.c, kvm_gmem_prepare_memory_region; DEN0137, granule states");
      case TRUSTED_CALLS ->
          rule(
              "Every granule is delegated, used and undelegated by RMI calls, 4 KiB each (under "
                  + "2.0 mapped and unmapped by ranges); tables are made and folded by calls too, "
                  + "and each run is an RMI_REC_ENTER.",
              "KVM CCA series, arch/arm64/kvm/rmi.c; DEN0137");
      case TABLES ->
          rule(
              "The RMM keeps the RTT in granules the host delegates; KVM keeps a list of what "
                  + "it gave.",
              "DEN0137, RMI_RTT_CREATE; KVM CCA series, realm_create_rtt_levels");
      case TRUSTED_FAULT ->
          rule(
              "The RMM of 1.0 takes granule locks in turn and has no passing refusal; that of 2.0"
                  + " is BUSY while other PEs use its operations, and INCOMPLETE where an interrupt"
                  + " comes: KVM tries again, or continues. A walk that ends early (RMI_ERROR_RTT)"
                  + " is answered by making the table.",
              "DEN0137, command failure; KVM CCA series, realm_map_protected");
      case OUT_OF_MEMORY ->
          rule(
              "A page mapped by itself goes without a new table; a block that is cut is taken "
                  + "apart first, which needs a granule for the table. A REC of 2.0 that gets no "
                  + "memory fails and gives back what it has.",
              "KVM CCA series, realm_create_rtt_levels");
    };
  }

  private static VmmRule rule(String says, String source) {
    return new VmmRule(says, source);
  }
}
