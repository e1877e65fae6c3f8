package dev.cocovisor.core.vm;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The devices that KVM itself emulates for a VM, as far as calls ask whether they are there. Of
 * what they do nothing is modelled: they have no part in guest memory. Source: {@code
 * arch/x86/kvm/x86.c}, kvm_arch_vm_ioctl, of Linux 7.3.
 */
public final class VmDevices {
  /** Where interrupt controllers are emulated. */
  private enum Irqchip {
    NONE,
    KERNEL,
    /** Only the local ones are in the kernel. */
    SPLIT
  }

  /** KVM_MAX_IRQ_ROUTES. */
  private static final long MAX_ROUTES = 4096;

  private static final long HOST_TSC_KHZ = 2_000_000;

  /** What a factor of 2^16 and the width of an int leave: on Intel the latter. */
  private static final long MAX_TSC_KHZ = 0x7fffffffL;

  private static final long X2APIC_FLAGS = 15;
  private static final long X2APIC_SUPPRESS = 4;
  private static final long X2APIC_NO_SUPPRESS = 8;
  private static final long DISABLE_EXITS = 15;
  private static final long USER_MSR_REASONS = 7;
  private static final long BUS_LOCK_MODES = 3;
  private static final long BUS_LOCK_EXIT = 2;
  private static final long NOTIFY_FLAGS = 3;
  private static final long MAX_BUS_CYCLE_NS = 1 << 25;
  private static final long NOTIFY_ENABLED = 1;

  private final Vm vm;
  private Irqchip irqchip = Irqchip.NONE;
  private boolean pit;
  private final Set<Capability> enabled = EnumSet.noneOf(Capability.class);

  /** KVM_CAP_MAX_VCPU_ID; 0 until it is set or there is a vCPU. */
  private long maxVcpuIds;

  private volatile long notifyExits;
  private volatile long userSpaceMsrs;
  private volatile long apicBusCycleNs = 1;
  private volatile long tscKhz = HOST_TSC_KHZ;

  VmDevices(Vm vm) {
    this.vm = vm;
  }

  /** KVM_CREATE_IRQCHIP: once, and before there are vCPUs. */
  public Errno createIrqchip() {
    vm.kvmLock().lock();
    try {
      if (irqchip != Irqchip.NONE) {
        return Errno.EEXIST;
      }
      if (vm.ops().hidesEois()) {
        return vm.refuse(Errno.ENOTTY, "no I/O APIC where ends of interrupts are not seen");
      }
      if (hasVcpus()) {
        return vm.refuse(Errno.EINVAL, "the irqchip comes before the vCPUs");
      }
      irqchip = Irqchip.KERNEL;
      return Errno.OK;
    } finally {
      vm.kvmLock().unlock();
    }
  }

  /** KVM_CREATE_PIT and ..PIT2: once, and it needs the irqchip. */
  public Errno createPit() {
    vm.kvmLock().lock();
    try {
      if (pit) {
        return Errno.EEXIST;
      }
      if (irqchip != Irqchip.KERNEL) {
        return vm.refuse(Errno.ENOENT, "the PIT needs KVM_CREATE_IRQCHIP first");
      }
      pit = true;
      return Errno.OK;
    } finally {
      vm.kvmLock().unlock();
    }
  }

  /** Tells whether KVM emulates interrupt controllers, all or the local ones. */
  public boolean hasIrqchip() {
    return irqchip != Irqchip.NONE;
  }

  /** Tells whether only the local interrupt controllers are KVM's. */
  public boolean hasSplitIrqchip() {
    return irqchip == Irqchip.SPLIT;
  }

  /** Tells whether KVM emulates all interrupt controllers. */
  public boolean hasWholeIrqchip() {
    return irqchip == Irqchip.KERNEL;
  }

  /** Tells whether KVM emulates the timer. */
  public boolean hasPit() {
    return pit;
  }

  /**
   * KVM_SET_TSC_KHZ on the VM, before there are vCPUs. Where the processor scales the counter, a
   * frequency has to be less than {@code max_guest_tsc_khz}.
   *
   * @param khz for the vCPUs to come, 32 bits; 0 for the host's
   */
  public Errno setTscKhz(long khz) {
    if ((khz & 0xffffffffL) >= MAX_TSC_KHZ && offers(Capability.KVM_CAP_TSC_CONTROL)) {
      return vm.refuse(Errno.EINVAL, "the frequency is not below 0x7fffffff kHz");
    }
    vm.kvmLock().lock();
    try {
      if (hasVcpus()) {
        return vm.refuse(Errno.EINVAL, "the frequency comes before the vCPUs");
      }
      long wanted = khz & 0xffffffffL;
      tscKhz = wanted == 0 ? HOST_TSC_KHZ : wanted;
      return Errno.OK;
    } finally {
      vm.kvmLock().unlock();
    }
  }

  /** Returns the frequency that vCPUs are made with ({@code default_tsc_khz}). */
  long tscKhz() {
    return tscKhz;
  }

  /** Tells whether the VM has vCPUs, after which some calls come too late. */
  public boolean hasVcpus() {
    return vm.vcpuArray().length > 0;
  }

  /** Tells whether a vCPU of this id may be made, and settles how far ids go. */
  boolean admits(long id) {
    if (maxVcpuIds == 0) {
      maxVcpuIds = vm.rules().maxVcpuIds();
    }
    return id < maxVcpuIds;
  }

  /**
   * KVM_ENABLE_CAP of what has no part in guest memory.
   *
   * @return null where it is none of these
   */
  @Nullable Errno enable(Capability cap, long arg) {
    return switch (cap) {
      case KVM_CAP_MSR_PLATFORM_INFO -> Errno.OK;
      case KVM_CAP_EXCEPTION_PAYLOAD, KVM_CAP_X86_TRIPLE_FAULT_EVENT -> switched(cap, arg);
      case KVM_CAP_SPLIT_IRQCHIP -> splitIrqchip(arg);
      case KVM_CAP_X2APIC_API -> x2apic(arg);
      case KVM_CAP_X86_DISABLE_EXITS -> masked(arg, hasVcpus() ? 0 : DISABLE_EXITS, hasVcpus());
      case KVM_CAP_X86_USER_SPACE_MSR -> userSpaceMsr(arg);
      case KVM_CAP_X86_APIC_BUS_CYCLES_NS -> apicBusCycles(arg);
      case KVM_CAP_EXIT_ON_EMULATION_FAILURE -> masked(arg, 1, false);
      case KVM_CAP_X86_BUS_LOCK_EXIT -> busLockExit(arg);
      case KVM_CAP_X86_NOTIFY_VMEXIT -> notifyExit(arg);
      case KVM_CAP_MAX_VCPU_ID -> maxVcpuId(arg);
      default -> null;
    };
  }

  private Errno switched(Capability cap, long arg) {
    var _ = arg != 0 ? enabled.add(cap) : enabled.remove(cap);
    return Errno.OK;
  }

  /** Tells whether a capability that is a switch was switched on. */
  public boolean isEnabled(Capability cap) {
    return enabled.contains(cap);
  }

  private Errno masked(long arg, long known, boolean refused) {
    return refused || (arg & ~known) != 0
        ? vm.refuse(
            Errno.EINVAL, "an argument that this capability does not take, or comes too late")
        : Errno.OK;
  }

  private Errno userSpaceMsr(long reasons) {
    Errno r = masked(reasons, USER_MSR_REASONS, false);
    if (r.ok()) {
      userSpaceMsrs = reasons;
    }
    return r;
  }

  /** Returns KVM_MSR_EXIT_REASON_* for which user space answers an MSR, 0 for none. */
  long userSpaceMsrs() {
    return userSpaceMsrs;
  }

  /** The longest cycle is one that 2^32 - 1 of them, times 128, still fit in 64 bits. */
  private Errno apicBusCycles(long ns) {
    if (ns == 0 || Long.compareUnsigned(ns, MAX_BUS_CYCLE_NS) > 0) {
      return vm.refuse(Errno.EINVAL, "no time, or too long a one for the APIC's timer");
    }
    if (irqchip == Irqchip.NONE) {
      return vm.refuse(Errno.ENXIO, "KVM has no local APIC for the VM");
    }
    if (hasVcpus()) {
      return vm.refuse(Errno.EINVAL, "the bus's frequency comes before the vCPUs");
    }
    apicBusCycleNs = ns;
    return Errno.OK;
  }

  /** Returns the cycle of the local APICs' bus, in nanoseconds. */
  public long apicBusCycleNs() {
    return apicBusCycleNs;
  }

  /** Off and on at once is refused; on a processor without it, asking for it changes nothing. */
  private Errno busLockExit(long modes) {
    Errno r = masked(modes, BUS_LOCK_MODES, modes == BUS_LOCK_MODES);
    if (r.ok() && (modes & BUS_LOCK_EXIT) != 0 && offers(Capability.KVM_CAP_X86_BUS_LOCK_EXIT)) {
      enabled.add(Capability.KVM_CAP_X86_BUS_LOCK_EXIT);
    }
    return r;
  }

  /** The window is in the upper half, the flags in the lower; before there are vCPUs. */
  private Errno notifyExit(long arg) {
    long flags = arg & 0xffffffffL;
    boolean late = !offers(Capability.KVM_CAP_X86_NOTIFY_VMEXIT) || hasVcpus();
    Errno r = masked(flags, NOTIFY_FLAGS, late || (flags & NOTIFY_ENABLED) == 0);
    if (r.ok()) {
      notifyExits = flags;
    }
    return r;
  }

  private boolean offers(Capability cap) {
    return vm.ops().processorOffers(cap.number()) != 0;
  }

  /** Returns the flags that KVM_CAP_X86_NOTIFY_VMEXIT set, 0 for none. */
  long notifyExits() {
    return notifyExits;
  }

  private Errno splitIrqchip(long routes) {
    if (Long.compareUnsigned(routes, MAX_ROUTES) > 0) {
      return vm.refuse(Errno.EINVAL, "more routes than KVM_MAX_IRQ_ROUTES");
    }
    if (irqchip != Irqchip.NONE || hasVcpus()) {
      return Errno.EEXIST;
    }
    irqchip = Irqchip.SPLIT;
    return Errno.OK;
  }

  private Errno x2apic(long flags) {
    boolean suppress = (flags & X2APIC_SUPPRESS) != 0;
    return masked(
        flags,
        X2APIC_FLAGS,
        suppress && ((flags & X2APIC_NO_SUPPRESS) != 0 || irqchip != Irqchip.SPLIT));
  }

  /** Once, and before there are vCPUs; the same again is no change. */
  private Errno maxVcpuId(long ids) {
    if (Long.compareUnsigned(ids, vm.rules().maxVcpuIds()) > 0
        || (maxVcpuIds != 0 && maxVcpuIds != ids)) {
      return vm.refuse(Errno.EINVAL, "vCPU ids are settled, or go no further");
    }
    maxVcpuIds = ids;
    return Errno.OK;
  }
}
