package dev.cocovisor.api.ops;

import dev.cocovisor.api.PageLevel;
import java.util.Objects;
import org.apiguardian.api.API;

/**
 * What the core has to know about a VM type before the first hook. Immutable, equal by value; made
 * by {@link #of} and the {@code with} methods, so that it can grow.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public final class VmTraits {
  /** An ordinary VM. */
  public static final VmTraits DEFAULT =
      of(StageShape.DIRECT).withReadonlySlots(true).withDirtyLogging(true);

  /**
   * A software-protected VM: private memory, nothing behind it. Read-only slots are its userspace's
   * to use: KVM refuses them for guests whose registers are hidden only
   * (kvm_arch_has_readonly_mem).
   */
  public static final VmTraits SW_PROTECTED =
      DEFAULT.withPrivateMemory(true).withPrivateRule(PrivateRule.ATTRIBUTE);

  private final StageShape shape;
  private final boolean hasPrivateMemory;
  private final PrivateRule privateRule;
  private final long sharedGfnMask;
  private final PageLevel maxPrivateLevel;
  private final PrivateSource privateSource;
  private final boolean readonlySlots;
  private final boolean dirtyLogging;
  private final boolean protectedState;

  private VmTraits(
      StageShape shape,
      boolean hasPrivateMemory,
      PrivateRule privateRule,
      long sharedGfnMask,
      PageLevel maxPrivateLevel,
      PrivateSource privateSource,
      boolean readonlySlots,
      boolean dirtyLogging,
      boolean protectedState) {
    this.shape = shape;
    this.hasPrivateMemory = hasPrivateMemory;
    this.privateRule = privateRule;
    this.sharedGfnMask = sharedGfnMask;
    this.maxPrivateLevel = maxPrivateLevel;
    this.privateSource = privateSource;
    this.readonlySlots = readonlySlots;
    this.dirtyLogging = dirtyLogging;
    this.protectedState = protectedState;
  }

  /**
   * Returns the traits of a VM type without private memory, read-only slots or dirty logging.
   *
   * @param shape who keeps the second stage
   */
  public static VmTraits of(StageShape shape) {
    return new VmTraits(
        shape,
        false,
        PrivateRule.NEVER,
        0,
        PageLevel.PG_1G,
        PrivateSource.GUEST_MEMFD,
        false,
        false,
        false);
  }

  /** Returns who keeps the second stage. */
  public StageShape shape() {
    return shape;
  }

  /**
   * Returns whether memory attributes and guest_memfd without INIT_SHARED make sense
   * (kvm_arch_has_private_mem).
   */
  public boolean hasPrivateMemory() {
    return hasPrivateMemory;
  }

  /** Returns what makes an access private. */
  public PrivateRule privateRule() {
    return privateRule;
  }

  /** Returns the gfn bit that says shared, 0 for none (kvm_gfn_direct_bits). */
  public long sharedGfnMask() {
    return sharedGfnMask;
  }

  /** Returns the largest private leaf ever. */
  public PageLevel maxPrivateLevel() {
    return maxPrivateLevel;
  }

  /** Returns where the frames of private memory come from. */
  public PrivateSource privateSource() {
    return privateSource;
  }

  /** Returns whether KVM_MEM_READONLY is accepted. */
  public boolean readonlySlots() {
    return readonlySlots;
  }

  /** Returns whether KVM_MEM_LOG_DIRTY_PAGES is accepted. */
  public boolean dirtyLogging() {
    return dirtyLogging;
  }

  /**
   * Returns whether guest registers are hidden: no instruction emulation, so MMIO of private memory
   * is impossible.
   */
  public boolean protectedState() {
    return protectedState;
  }

  /**
   * Returns a copy that says whether memory attributes and guest_memfd without INIT_SHARED make
   * sense (kvm_arch_has_private_mem).
   */
  public VmTraits withPrivateMemory(boolean value) {
    return new VmTraits(
        shape,
        value,
        privateRule,
        sharedGfnMask,
        maxPrivateLevel,
        privateSource,
        readonlySlots,
        dirtyLogging,
        protectedState);
  }

  /** Returns a copy that says what makes an access private. */
  public VmTraits withPrivateRule(PrivateRule value) {
    return new VmTraits(
        shape,
        hasPrivateMemory,
        value,
        sharedGfnMask,
        maxPrivateLevel,
        privateSource,
        readonlySlots,
        dirtyLogging,
        protectedState);
  }

  /** Returns a copy that says the gfn bit that says shared, 0 for none (kvm_gfn_direct_bits). */
  public VmTraits withSharedGfnMask(long value) {
    return new VmTraits(
        shape,
        hasPrivateMemory,
        privateRule,
        value,
        maxPrivateLevel,
        privateSource,
        readonlySlots,
        dirtyLogging,
        protectedState);
  }

  /** Returns a copy that says the largest private leaf ever. */
  public VmTraits withMaxPrivateLevel(PageLevel value) {
    return new VmTraits(
        shape,
        hasPrivateMemory,
        privateRule,
        sharedGfnMask,
        value,
        privateSource,
        readonlySlots,
        dirtyLogging,
        protectedState);
  }

  /** Returns a copy that says where the frames of private memory come from. */
  public VmTraits withPrivateSource(PrivateSource value) {
    return new VmTraits(
        shape,
        hasPrivateMemory,
        privateRule,
        sharedGfnMask,
        maxPrivateLevel,
        value,
        readonlySlots,
        dirtyLogging,
        protectedState);
  }

  /** Returns a copy that says whether KVM_MEM_READONLY is accepted. */
  public VmTraits withReadonlySlots(boolean value) {
    return new VmTraits(
        shape,
        hasPrivateMemory,
        privateRule,
        sharedGfnMask,
        maxPrivateLevel,
        privateSource,
        value,
        dirtyLogging,
        protectedState);
  }

  /** Returns a copy that says whether KVM_MEM_LOG_DIRTY_PAGES is accepted. */
  public VmTraits withDirtyLogging(boolean value) {
    return new VmTraits(
        shape,
        hasPrivateMemory,
        privateRule,
        sharedGfnMask,
        maxPrivateLevel,
        privateSource,
        readonlySlots,
        value,
        protectedState);
  }

  /**
   * Returns a copy that says whether guest registers are hidden: no instruction emulation, so MMIO
   * of private memory is impossible.
   */
  public VmTraits withProtectedState(boolean value) {
    return new VmTraits(
        shape,
        hasPrivateMemory,
        privateRule,
        sharedGfnMask,
        maxPrivateLevel,
        privateSource,
        readonlySlots,
        dirtyLogging,
        value);
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof VmTraits t
        && shape == t.shape
        && hasPrivateMemory == t.hasPrivateMemory
        && privateRule == t.privateRule
        && sharedGfnMask == t.sharedGfnMask
        && maxPrivateLevel == t.maxPrivateLevel
        && privateSource == t.privateSource
        && readonlySlots == t.readonlySlots
        && dirtyLogging == t.dirtyLogging
        && protectedState == t.protectedState;
  }

  @Override
  public int hashCode() {
    return Objects.hash(
        shape,
        hasPrivateMemory,
        privateRule,
        sharedGfnMask,
        maxPrivateLevel,
        privateSource,
        readonlySlots,
        dirtyLogging,
        protectedState);
  }

  @Override
  public String toString() {
    return shape
        + (hasPrivateMemory ? " with private memory from " + privateSource : "")
        + ", private by "
        + privateRule
        + (sharedGfnMask == 0 ? "" : " 0x" + Long.toHexString(sharedGfnMask))
        + ", leaves up to "
        + maxPrivateLevel
        + (readonlySlots ? ", read-only slots" : "")
        + (dirtyLogging ? ", dirty logging" : "")
        + (protectedState ? ", protected state" : "");
  }
}
