package com.example.cove.kvm;

import com.example.cove.guest.Covg;
import com.example.cove.tsm.SbiStatus;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import java.util.List;

/**
 * How a VMM (kvmtool or QEMU with the series' patches) runs a TVM. RAM begins at 2 GiB. All initial
 * contents are measured: the TSM knows no other way to bring any in.
 */
public final class CoveVmm implements VmmDriver {
  private static final long RAM_BASE = 0x8000_0000L;

  /** Creates the driver; it has no state. */
  public CoveVmm() {}

  @Override
  public long vmType() {
    return CoveBackend.TVM.number();
  }

  @Override
  public long ramBase() {
    return RAM_BASE;
  }

  @Override
  public long populate(VmmMachine vm, long gpa, long size, long source, boolean measured) {
    if (!measured) {
      return -Errno.EOPNOTSUPP.number();
    }
    Fields in = new Fields().put("userspace_addr", source).put("gpa", gpa).put("size", size);
    return vm.calls()
        .vendorIoctl(vm.vmFd(), new VendorCommand("KVM_RISCV_COVE_MEASURE_REGION", in));
  }

  @Override
  public long finalizeLaunch(VmmMachine vm) {
    Fields in = new Fields().put("entry_pc", RAM_BASE).put("entry_arg", 0);
    return vm.calls().vendorIoctl(vm.vmFd(), new VendorCommand("KVM_RISCV_COVE_FINALIZE", in));
  }

  /** The guest declares the range; the VMM converts it at the memory fault exit. */
  @Override
  public List<GuestAction> askConversion(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    return List.of(toPrivate ? Covg.unshare(gpa, size) : Covg.share(gpa, size));
  }

  /** A call of the guest's that ends with an SBI error told the guest that nothing was done. */
  @Override
  public GuestAnswer judge(GuestAction action, RunResult result) {
    if (result.errno().ok()
        && result.exit() instanceof Exit.Vendor v
        && v.name().equals("SBIRET")) {
      long status = v.fields().number("status");
      return status == SbiStatus.SUCCESS.code()
          ? new GuestAnswer.Done(0)
          : new GuestAnswer.Refused(status, SbiStatus.of(status).name());
    }
    return VmmDriver.super.judge(action, result);
  }

  /** Regions are whole pages, and none is empty. */
  @Override
  public List<GuestAction> refusedCalls(VmmMachine vm) {
    return List.of(Covg.share(RAM_BASE + 1, 4096), Covg.unshare(RAM_BASE, 0));
  }

  /** The guest gets its SBI answer at the next entry, whatever exit it asked by. */
  @Override
  public GuestAction resume(VmmMachine vm, Exit asked, long ret) {
    return new GuestAction.Resume(ret);
  }
}
