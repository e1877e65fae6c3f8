package dev.cocovisor.cca.vmm;

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
import dev.cocovisor.cca.rmm.page.RecParams;
import dev.cocovisor.cca.rmm.run.RsiCall;
import java.util.List;
import java.util.Set;

/**
 * How a VMM (kvmtool, QEMU with the series' patches) runs a realm. RAM begins at 2 GiB; the realm
 * is created by the first population or run and activated by the first run.
 */
public final class CcaVmm implements VmmDriver {
  /** KVM_ARM_VCPU_PSCI_0_2 of the features. */
  private static final long PSCI_0_2 = 1 << 2;

  private static final long RAM_BASE = 0x8000_0000L;

  /** The top bit of the IPA space of 40 bits that KVM gives a VM which names no other. */
  // arm64 KVM, kvm_init_ipa_range; DEN0137, "unprotected IPA".
  private static final long SHARED = 1L << 39;

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
      Fields in = new Fields().put("target", 5).put("features", PSCI_0_2 | (i == 0 ? 0 : 1));
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

  /**
   * The first run makes the RECs and activates the realm, so a launch ends with one: the realm asks
   * for the version of RSI, as Linux does before anything else, and comes back.
   */
  // KVM CCA series, arch/arm64/kvm/rmi.c, kvm_activate_realm, called from the first KVM_RUN; Linux,
  // arch/arm64/kernel/rsi.c, arm64_rsi_init.
  @Override
  public long finalizeLaunch(VmmMachine vm) {
    if (vm.vcpuFds().isEmpty()) {
      return 0;
    }
    RunResult first =
        vm.calls().guestRun(vm.bootVcpu(), Rsi.call(RsiCall.RSI_VERSION, Rsi.VERSION_1_0));
    return -first.errno().number();
  }

  @Override
  public long guestAddress(VmmMachine vm, long gpa, boolean shared) {
    return shared ? gpa | SHARED : gpa;
  }

  /** Vcpus but the first wait for PSCI, as kvmtool's do. */
  @Override
  public List<GuestAction> startVcpu(VmmMachine vm, int index) {
    return List.of(Rsi.call(RsiCall.PSCI_CPU_ON, RecParams.mpidr(index), RAM_BASE, 0));
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

  /** IPA_STATE_SET takes whole granules, and knows two states to ask for. */
  @Override
  public List<GuestAction> refusedCalls(VmmMachine vm) {
    return List.of(
        Rsi.ipaStateSet(RAM_BASE + 1, RAM_BASE + PageLevel.PAGE_SIZE, Rsi.RAM, 0),
        Rsi.ipaStateSet(RAM_BASE, RAM_BASE + PageLevel.PAGE_SIZE, 7, 0));
  }

  @Override
  public VmmRule rule(VmmTopic topic) {
    return CcaRules.of(topic);
  }
}
