package dev.cocovisor.core.vm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.core.slot.MemSlot;

/**
 * What differs between KVM's architectures before any vendor is asked: sizes, and which ioctls
 * there are.
 *
 * <p>Sources: {@code asm/kvm_host.h} of each architecture; {@code virt/kvm/Kconfig} and who selects
 * its options.
 *
 * @param userSlots KVM_USER_MEM_SLOTS: the first slot number that is too big
 * @param vcpuIds KVM_MAX_VCPU_IDS: the first vCPU id that is too big; on x86 it is a choice of who
 *     built the kernel
 * @param vmTypeMask the bits of KVM_CREATE_VM's argument that name the type; the others hold the
 *     size of the guest's addresses
 * @param hasMemoryAttributes whether KVM_SET_MEMORY_ATTRIBUTES is there for every VM
 * @param hasPreFault whether KVM_PRE_FAULT_MEMORY is there
 * @param limitsGfns whether the host's own limit of guest addresses is asked before the vendor
 * @param logsReadonly whether a logged slot is mapped page by page even where it is read-only (x86,
 *     kvm_mmu_max_mapping_level; not arm64, memslot_is_logging)
 */
public record ArchRules(
    int userSlots,
    int vcpuIds,
    long vmTypeMask,
    boolean hasMemoryAttributes,
    boolean hasPreFault,
    boolean limitsGfns,
    boolean logsReadonly) {
  /** x86: three slots are KVM's own. */
  public static final ArchRules X86_64 =
      new ArchRules(Short.MAX_VALUE - 3, Integer.MAX_VALUE, -1, true, true, true, true);

  /**
   * arm64: vCPUs as many as a GICv3 serves, the low byte of a VM's type is its address size, no
   * attributes and no pre-faulting.
   */
  public static final ArchRules ARM64 =
      new ArchRules(Short.MAX_VALUE, 512, ~0xffL, false, false, false, false);

  /** Any other: the generic sizes. */
  private static final ArchRules GENERIC =
      new ArchRules(Short.MAX_VALUE, Integer.MAX_VALUE, -1, true, true, true, true);

  /** Returns the rules of an architecture. */
  public static ArchRules of(Architecture architecture) {
    if (architecture.equals(Architecture.X86_64)) {
      return X86_64;
    }
    return architecture.equals(Architecture.ARM64) ? ARM64 : GENERIC;
  }

  /** Tells whether a VM knows KVM_SET_MEMORY_ATTRIBUTES: where memory can be private it must. */
  public boolean hasMemoryAttributes(VmTraits traits) {
    return hasMemoryAttributes || traits.hasPrivateMemory();
  }

  /** Tells whether a slot is mapped page by page, so that each page is logged for itself. */
  boolean logsPages(MemSlot slot) {
    return slot.isDirtyLogged() && (logsReadonly || !slot.isReadonly());
  }
}
