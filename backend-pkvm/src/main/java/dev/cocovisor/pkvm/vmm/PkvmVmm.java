package dev.cocovisor.pkvm.vmm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.ActionRange;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.api.vmm.VmmBank;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.api.vmm.VmmRule;
import dev.cocovisor.api.vmm.VmmTopic;
import dev.cocovisor.pkvm.guest.Hvc;
import dev.cocovisor.pkvm.guest.Smccc;
import java.util.List;

/**
 * A VMM of protected guests: RAM is its own anonymous memory, donated page by page as the guest
 * touches it.
 *
 * <p>Conversion is the guest's alone: it shares a page with MEM_SHARE and takes it back with
 * MEM_UNSHARE. The host has no part in it: KVM on arm64 has no memory attributes, so that a host
 * that converts on its own is refused (EINVAL, {@code arch/arm64/kvm/arm.c}, kvm_arch_vm_ioctl).
 * Contents are copied in before the first touch: what the host wrote is what the guest finds.
 */
public final class PkvmVmm implements VmmDriver {
  private static final long RAM_BASE = 0x9000_0000L;

  /** Creates the driver; it has no state. */
  public PkvmVmm() {}

  @Override
  public long vmType() {
    return VmType.ARM_PROTECTED.number();
  }

  @Override
  public long ramBase() {
    return RAM_BASE;
  }

  @Override
  public boolean guestMemfd() {
    return false;
  }

  @Override
  public boolean privateFromStart() {
    return false;
  }

  @Override
  public long ready(VmmMachine vm) {
    for (int fd : vm.vcpuFds()) {
      long r =
          vm.calls()
              .vendorIoctl(
                  fd,
                  new VendorCommand("KVM_ARM_VCPU_INIT", new Fields().put("target", "PREFERRED")));
      if (r < 0) {
        return r;
      }
    }
    return 0;
  }

  @Override
  public long populate(VmmMachine vm, long gpa, long size, long source, boolean measured) {
    VmmBank bank = vm.bankOf(gpa, size);
    if (bank == null) {
      return -Errno.EINVAL.number();
    }
    long target = bank.userAddress() + (gpa - bank.gpa());
    return vm.calls().hostCopy(target, source, size) < 0 ? -Errno.EFAULT.number() : 0;
  }

  @Override
  public List<GuestAction> accept(VmmMachine vm, long gpa, long size, PageLevel level) {
    return List.of();
  }

  @Override
  public List<GuestAction> askConversion(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    long fn = toPrivate ? Hvc.MEM_UNSHARE : Hvc.MEM_SHARE;
    return ActionRange.of(gpa, size, PageLevel.PG_4K, (at, _) -> new Hvc(fn, at, 0, 0).action());
  }

  /** An HVC that completed may still have been refused: x0 says so. */
  @Override
  public GuestAnswer judge(GuestAction action, RunResult result) {
    if (action instanceof GuestAction.Vendor vendor && result.exit() instanceof Exit.Done done) {
      Hvc hvc = Hvc.of(vendor);
      if (hvc != null && result.errno().ok()) {
        long refusal = Smccc.refusal(hvc.fn(), done.value());
        return refusal == 0
            ? new GuestAnswer.Done(done.value())
            : new GuestAnswer.Refused(refusal, Smccc.nameOf(hvc.fn(), refusal));
      }
    }
    return VmmDriver.super.judge(action, result);
  }

  /** Sharing takes whole pages, and arguments that are not used are 0. */
  @Override
  public List<GuestAction> refusedCalls(VmmMachine vm) {
    return List.of(
        new Hvc(Hvc.MEM_SHARE, RAM_BASE + 1, 0, 0).action(),
        new Hvc(Hvc.MEM_UNSHARE, RAM_BASE, 1, 0).action());
  }

  @Override
  public VmmRule rule(VmmTopic topic) {
    return PkvmRules.of(topic);
  }
}
