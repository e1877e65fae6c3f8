package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.api.vmm.VmmRule;
import dev.cocovisor.api.vmm.VmmTopic;
import dev.cocovisor.cca.guest.Rsi;
import dev.cocovisor.cca.rmm.RsiCall;
import java.util.List;
import java.util.Set;

/**
 * How a VMM (kvmtool, QEMU with the series' patches) runs a realm. RAM begins at 2 GiB; the realm
 * is created by the first population or run and activated by the first run.
 */
public final class CcaVmm implements VmmDriver {
  private static final long RAM_BASE = 0x8000_0000L;

  /** Creates the driver; it has no state. */
  public CcaVmm() {}

  @Override
  public long vmType() {
    return VmType.ARM_REALM.number();
  }

  @Override
  public long ramBase() {
    return RAM_BASE;
  }

  @Override
  public Set<String> launchFields() {
    return Set.of("hash_algo");
  }

  @Override
  public long vmCreated(VmmMachine vm) {
    long algorithm = vm.policy().number("hash_algo", 0);
    return vm.calls()
        .vendorIoctl(
            vm.vmFd(),
            new VendorCommand("KVM_ARM_RMI_CONFIG", new Fields().put("hash_algo", algorithm)));
  }

  @Override
  public long ready(VmmMachine vm) {
    long ret = 0;
    for (int i = 0; ret >= 0 && i < vm.vcpuFds().size(); i++) {
      Fields in = new Fields().put("target", 5).put("features", i == 0 ? 0 : 1);
      ret = vm.calls().vendorIoctl(vm.vcpuFds().get(i), new VendorCommand("KVM_ARM_VCPU_INIT", in));
    }
    return ret;
  }

  @Override
  public long populate(VmmMachine vm, long gpa, long size, long source, boolean measured) {
    long done = 0;
    while (done < size) {
      VendorCommand command =
          new VendorCommand(
              "KVM_ARM_RMI_POPULATE",
              new Fields()
                  .put("base", gpa + done)
                  .put("size", size - done)
                  .put("source_uaddr", source + done)
                  .put("flags", measured ? 1 : 0));
      long ret = vm.calls().vendorIoctl(vm.vmFd(), command);
      if (ret < 0) {
        return ret;
      }
      done = size - command.out().number("size", 0);
    }
    return 0;
  }

  @Override
  public long guestAddress(VmmMachine vm, long gpa, boolean shared) {
    return shared ? gpa | RealmOps.SHARED_GFN << PageLevel.PAGE_SHIFT : gpa;
  }

  /** Vcpus but the first wait for PSCI, as kvmtool's do. */
  @Override
  public List<GuestAction> startVcpu(VmmMachine vm, int index) {
    return List.of(Rsi.call(RsiCall.PSCI_CPU_ON, RealmVcpu.mpidr(index), RAM_BASE, 0));
  }

  /** Nobody waits for the VMM's answer: the realm enters again and reads what the RMM says. */
  @Override
  public GuestAction resume(VmmMachine vm, Exit asked, long ret) {
    return Rsi.result();
  }

  /** What the RMM put into the realm's registers decides about an RSI or PSCI call. */
  @Override
  public GuestAnswer judge(GuestAction action, RunResult result) {
    return result.errno().ok() && result.exit() instanceof Exit.Vendor v && v.name().equals("DONE")
        ? Rsi.judge(action, v.fields())
        : VmmDriver.super.judge(action, result);
  }

  /**
   * The realm asks; the VMM converts at the memory fault exit; the RMM is asked at the next entry.
   */
  @Override
  public List<GuestAction> askConversion(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    return List.of(
        Rsi.ipaStateSet(gpa, gpa + size, toPrivate ? Rsi.RAM : Rsi.EMPTY, Rsi.CHANGE_DESTROYED));
  }

  @Override
  public VmmRule rule(VmmTopic topic) {
    return CcaRules.of(topic);
  }
}
