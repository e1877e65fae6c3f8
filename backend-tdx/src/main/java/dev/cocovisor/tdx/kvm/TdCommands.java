package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.td.CpuidConfig;
import java.util.function.LongSupplier;

/**
 * The {@code KVM_TDX_*} commands: who may give which, and when.
 *
 * <p>Every command has {@code flags} and {@code hw_error}; the latter must be zero, and comes back
 * with the status where the TD's parameters or the end of its build were refused. INIT_VM and
 * FINALIZE_VM are the VM's, the others a vCPU's; all but CAPABILITIES and GET_CPUID keep every vCPU
 * and the slots still. Source: Linux 7.3, {@code arch/x86/kvm/vmx/tdx.c}, tdx_get_cmd,
 * tdx_vm_ioctl, tdx_vcpu_unlocked_ioctl, tdx_vcpu_ioctl, tdx_get_capabilities, tdx_td_finalize,
 * tdx_vcpu_get_cpuid.
 */
final class TdCommands {
  private static final int MAX_CPUID = 256;

  /** What of a structure is looked at to see whether it can be read. */
  private static final int STRUCTURE = 8;

  static final String NO_STRUCTURE = "data points to no memory of the process";

  /** The one TDVMCALL beyond the base that user space is asked for. */
  private static final long SETUP_EVENT_NOTIFY = 1 << 1;

  private final TdxVm td;
  private final TdInit init;
  private final VcpuInit vcpuInit;
  private final MemRegion region;

  TdCommands(TdxVm td) {
    this.td = td;
    init = new TdInit(td);
    vcpuInit = new VcpuInit(td);
    region = new MemRegion(td);
  }

  long vmCommand(VendorCommand c) {
    if (c.name().equals(VendorCommand.NONE)) {
      return td.no(Errno.EFAULT, "there is no command to read");
    }
    if (c.in().number("hw_error", 0) != 0) {
      return td.no(Errno.EINVAL, "hw_error is KVM's to set");
    }
    return switch (c.name()) {
      case "KVM_TDX_CAPABILITIES" -> capabilities(c);
      case "KVM_TDX_INIT_VM" -> still(() -> init.run(c));
      case "KVM_TDX_FINALIZE_VM" -> still(() -> finish(c));
      default -> td.no(Errno.EINVAL, c.name() + " is no command of a TD's VM");
    };
  }

  /** Called with the vCPU's mutex. */
  long vcpuCommand(VcpuContext vcpu, VendorCommand c) {
    if (c.name().equals(VendorCommand.NONE)) {
      return td.no(Errno.EFAULT, "there is no command to read");
    }
    if (c.in().number("hw_error", 0) != 0) {
      return td.no(Errno.EINVAL, "hw_error is KVM's to set");
    }
    if (!td.hasHkid()) {
      return td.no(Errno.EINVAL, "the TD has no HKID: KVM_TDX_INIT_VM comes first");
    }
    if (td.runnable()) {
      return td.no(Errno.EINVAL, "the TD is finalized");
    }
    return switch (c.name()) {
      case "KVM_TDX_INIT_VCPU" -> stillInVcpu(() -> vcpuInit.run(vcpu, c));
      case "KVM_TDX_INIT_MEM_REGION" -> stillInVcpu(() -> region.add(vcpu, c));
      case "KVM_TDX_GET_CPUID" -> getCpuid(c);
      default -> td.no(Errno.EINVAL, c.name() + " is no command of a TD's vCPU");
    };
  }

  /** Under kvm->lock, every vCPU's mutex and slots_lock (tdx_acquire_vm_state_locks). */
  private long still(LongSupplier body) {
    td.vm().kvmLock().lock();
    try {
      td.vm().lockAllVcpus();
      try {
        return stillInVcpu(body);
      } finally {
        td.vm().unlockAllVcpus();
      }
    } finally {
      td.vm().kvmLock().unlock();
    }
  }

  /** As {@link #still} for a command that came with a vCPU's mutex, which is inside kvm->lock. */
  private long stillInVcpu(LongSupplier body) {
    td.vm().slotsLock().lock();
    try {
      return body.getAsLong();
    } finally {
      td.vm().slotsLock().unlock();
    }
  }

  private long capabilities(VendorCommand c) {
    if (c.in().number("flags", 0) != 0) {
      return td.no(Errno.EINVAL, "flags are reserved");
    }
    if (unreadable(td, c)) {
      return td.no(Errno.EFAULT, NO_STRUCTURE);
    }
    if (c.in().number("nent", MAX_CPUID) < CpuidConfig.COUNT) {
      return td.no(
          Errno.E2BIG, "no room for the " + CpuidConfig.COUNT + " leaves that can be configured");
    }
    c.out()
        .put("supported_attrs", TdInit.SUPPORTED_ATTRIBUTES)
        .put("supported_xfam", TdInit.SUPPORTED_XFAM)
        .put("user_tdvmcallinfo_1_r11", SETUP_EVENT_NOTIFY)
        .put("nent", CpuidConfig.COUNT)
        .putAny("cpuid", TdCpuid.capabilities());
    return 0;
  }

  private long finish(VendorCommand c) {
    if (!td.hasHkid()) {
      return td.no(Errno.EINVAL, "the TD has no HKID: KVM_TDX_INIT_VM comes first");
    }
    if (td.runnable()) {
      return td.no(Errno.EINVAL, "the TD is finalized");
    }
    if (!td.premapped().isEmpty()) {
      // The series of 2024: nr_premapped has to be zero.
      return td.no(Errno.EINVAL, "a page was mapped and never added");
    }
    long s = td.seam().call(SeamCall.MR_FINALIZE, td.tdr, 0, 0, 0);
    c.out().put("hw_error", s);
    if (SeamStatus.OPERAND_BUSY.is(s)) {
      return td.no(Errno.EBUSY, "TDH.MR.FINALIZE is busy");
    }
    if (td.bugOn(s, SeamCall.MR_FINALIZE)) {
      return TdxVm.failed(Errno.EIO);
    }
    td.state = TdxVm.State.RUNNABLE;
    return 0;
  }

  private long getCpuid(VendorCommand c) {
    if (unreadable(td, c)) {
      return td.no(Errno.EFAULT, NO_STRUCTURE);
    }
    GuestCpuid cpuid = new GuestCpuid(td);
    Errno r = cpuid.read();
    if (!r.ok()) {
      return TdxVm.failed(r);
    }
    int entries = cpuid.entries().size();
    c.out().put("nent", entries);
    if (c.in().number("nent", MAX_CPUID) < entries) {
      return td.no(Errno.E2BIG, "the TD has " + entries + " CPUID entries");
    }
    c.out().putAny("cpuid", cpuid.entries());
    return 0;
  }

  /**
   * Tells whether the structure that {@code data} points to cannot be read. Where a log spells the
   * structure out and gives no address, it can.
   */
  static boolean unreadable(TdxVm td, VendorCommand c) {
    return c.in().asMap().get("data") instanceof Long at
        && !td.vm().copyFromUser(at, new byte[STRUCTURE], 0, STRUCTURE).ok();
  }
}
