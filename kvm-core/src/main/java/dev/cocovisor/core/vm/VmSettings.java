package dev.cocovisor.core.vm;

import dev.cocovisor.api.kernel.KernelProfile;

/**
 * How KVM was loaded, as far as a VM minds.
 *
 * @param tdpMmu whether nested paging is on
 * @param maxLevel the largest page mapped, kernel numbering
 * @param slotZapAll KVM_X86_QUIRK_SLOT_ZAP_ALL, on unless userspace disables it
 * @param mapMemoryRefusesGuestMode the first revision's rule of KVM_MAP_MEMORY
 * @param memoryFaultBatch the most pages one KVM_EXIT_MEMORY_FAULT reports, 1 in the reference
 *     kernel
 * @param attributeEntries how many gfns may have attributes before memory for them runs out
 * @param splitsAllFirst whether every huge leaf that a range cuts is split before anything is
 *     zapped, rather than slot by slot
 * @param maxVcpus KVM_MAX_VCPUS
 * @param maxVcpuIds KVM_MAX_VCPU_IDS
 * @param maxGfn kvm_mmu_max_gfn: MAXPHYADDR with nested paging, 52 bits without
 * @param retries how often a vCPU tries one page before it is taken to stand still
 * @param emulatesGuests whether guests' accesses are carried out by KVM's emulator
 * @param kernel what the kernel does where kernels differ
 */
public record VmSettings(
    boolean tdpMmu,
    int maxLevel,
    boolean slotZapAll,
    boolean mapMemoryRefusesGuestMode,
    long memoryFaultBatch,
    long attributeEntries,
    boolean splitsAllFirst,
    int maxVcpus,
    int maxVcpuIds,
    long maxGfn,
    long retries,
    boolean emulatesGuests,
    KernelProfile kernel) {
  /** KVM_EXIT_HYPERCALL_VALID_MASK: KVM_HC_MAP_GPA_RANGE alone. */
  public static final long EXIT_HYPERCALL_VALID = 1L << 12;
}
