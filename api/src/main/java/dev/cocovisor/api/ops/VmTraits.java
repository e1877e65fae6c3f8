package dev.cocovisor.api.ops;

import dev.cocovisor.api.PageLevel;

/**
 * What the core has to know about a VM type before the first hook.
 *
 * @param shape who keeps the second stage
 * @param hasPrivateMemory whether memory attributes and guest_memfd without INIT_SHARED make sense
 *     (kvm_arch_has_private_mem)
 * @param privateRule what makes an access private
 * @param sharedGfnMask the gfn bit that says shared, 0 for none (kvm_gfn_direct_bits)
 * @param maxPrivateLevel the largest private leaf ever
 * @param privateFromUserMemory private pages come from the VMM's own mapping, pinned, instead of a
 *     guest_memfd (pKVM)
 * @param readonlySlots whether KVM_MEM_READONLY is accepted
 * @param dirtyLogging whether KVM_MEM_LOG_DIRTY_PAGES is accepted
 * @param protectedState whether guest registers are hidden: no instruction emulation, so MMIO of
 *     private memory is impossible
 */
public record VmTraits(
    StageShape shape,
    boolean hasPrivateMemory,
    PrivateRule privateRule,
    long sharedGfnMask,
    PageLevel maxPrivateLevel,
    boolean privateFromUserMemory,
    boolean readonlySlots,
    boolean dirtyLogging,
    boolean protectedState) {
  /** An ordinary VM. */
  public static final VmTraits DEFAULT =
      new VmTraits(
          StageShape.DIRECT,
          false,
          PrivateRule.NEVER,
          0,
          PageLevel.PG_1G,
          false,
          true,
          true,
          false);

  /**
   * A software-protected VM: private memory, nothing behind it. Read-only slots are its userspace's
   * to use: KVM refuses them for guests whose registers are hidden only
   * (kvm_arch_has_readonly_mem).
   */
  public static final VmTraits SW_PROTECTED =
      new VmTraits(
          StageShape.DIRECT,
          true,
          PrivateRule.ATTRIBUTE,
          0,
          PageLevel.PG_1G,
          false,
          true,
          true,
          false);
}
