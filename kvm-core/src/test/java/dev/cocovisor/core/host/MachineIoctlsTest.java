package dev.cocovisor.core.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MachineIoctlsTest {
  private final Kvm kvm = new Kvm(HostConfig.DEFAULT, List.of());
  private final KvmProcess process = new KvmProcess(kvm);
  private final int dev = (int) process.openDevKvm();
  private final int vm = (int) process.createVm(dev, 0);

  @AfterEach
  void end() {
    kvm.close();
  }

  private long call(int fd, String name, long arg) {
    return process.vendorIoctl(fd, new VendorCommand(name, new Fields().put("arg", arg)));
  }

  private static long minus(Errno e) {
    return -e.number();
  }

  @Test
  void versionAndSizeAreAskedOfTheDeviceAndTakeNoArgument() {
    assertThat(call(dev, "KVM_GET_API_VERSION", 0)).isEqualTo(12);
    assertThat(call(dev, "KVM_GET_API_VERSION", 1)).isEqualTo(minus(Errno.EINVAL));
    assertThat(call(dev, "KVM_GET_VCPU_MMAP_SIZE", 0)).isEqualTo(12288);
    assertThat(call(vm, "KVM_GET_API_VERSION", 0)).isEqualTo(minus(Errno.ENOTTY));
  }

  @Test
  void theIrqchipComesOnceAndBeforeTheVcpus() {
    assertThat(call(vm, "KVM_CREATE_PIT2", 0)).isEqualTo(minus(Errno.ENOENT));
    assertThat(call(vm, "KVM_IRQ_LINE", 0)).isEqualTo(minus(Errno.ENXIO));
    assertThat(call(vm, "KVM_CREATE_IRQCHIP", 0)).isZero();
    assertThat(call(vm, "KVM_CREATE_IRQCHIP", 0)).isEqualTo(minus(Errno.EEXIST));
    assertThat(call(vm, "KVM_CREATE_PIT2", 0)).isZero();
    assertThat(call(vm, "KVM_IRQ_LINE_STATUS", 0)).isZero();
    int other = (int) process.createVm(dev, 0);
    assertThat(process.createVcpu(other, 0)).isPositive();
    assertThat(call(other, "KVM_CREATE_IRQCHIP", 0)).isEqualTo(minus(Errno.EINVAL));
    assertThat(call(other, "KVM_SET_IDENTITY_MAP_ADDR", 0)).isEqualTo(minus(Errno.EINVAL));
  }

  @Test
  void theTaskStateSegmentLiesBelowFourGibibytes() {
    assertThat(call(vm, "KVM_SET_TSS_ADDR", 0xfffbd000L)).isZero();
    assertThat(call(vm, "KVM_SET_TSS_ADDR", 0xffffd000L)).isZero();
    assertThat(call(vm, "KVM_SET_TSS_ADDR", 0xffffd001L)).isEqualTo(minus(Errno.EINVAL));
    assertThat(call(vm, "KVM_SET_TSS_ADDR", -1)).isEqualTo(minus(Errno.EINVAL));
  }

  /** The processor of this host scales no counter, so nothing is too much for it. */
  @Test
  void theFrequencyComesBeforeTheVcpus() {
    assertThat(call(vm, "KVM_SET_TSC_KHZ", 0xffffffffL)).isZero();
    var _ = process.createVcpu(vm, 0);
    assertThat(call(vm, "KVM_SET_TSC_KHZ", 1_000_000)).isEqualTo(minus(Errno.EINVAL));
  }

  @Test
  void registersBelongToVcpus() {
    int vcpu = (int) process.createVcpu(vm, 0);
    assertThat(call(vcpu, "KVM_GET_REGS", 0)).isZero();
    assertThat(call(vm, "KVM_GET_REGS", 0)).isEqualTo(minus(Errno.ENOTTY));
    assertThat(call(dev, "KVM_GET_REGS", 0)).isEqualTo(minus(Errno.EINVAL));
    assertThat(call(vcpu, "KVM_NO_SUCH", 0)).isEqualTo(minus(Errno.EINVAL));
    assertThat(MachineIoctls.ofCpu("KVM_GET_REGS")).isTrue();
    assertThat(MachineIoctls.ofCpu("KVM_SET_USER_MEMORY_REGION")).isFalse();
  }

  @Test
  void statisticsKeepTheirVm() {
    int vcpu = (int) process.createVcpu(vm, 0);
    int stats = (int) process.getStatsFd(vcpu);
    assertThat(process.getStatsFd(dev)).isEqualTo(minus(Errno.EINVAL));
    assertThat(process.stats(stats)).isEqualTo(new PageStats(0, 0, 0));
    assertThat(process.close(vcpu)).isZero();
    assertThat(process.close(vm)).isZero();
    assertThat(kvm.vms()).isNotEmpty();
    assertThat(process.close(stats)).isZero();
    assertThat(kvm.vms()).isEmpty();
  }

  @Test
  void statisticsAreNotReadIntoABufferThatNoProgramHas() {
    int stats = (int) process.getStatsFd(vm);
    long top = kvm.addressLimits().top();
    for (long count : new long[] {-1, Long.MIN_VALUE, top + 1}) {
      assertThat(process.read(stats, count, _ -> {})).isEqualTo(minus(Errno.EFAULT));
      assertThat(process.pread(stats, count, 0, _ -> {})).isEqualTo(minus(Errno.EFAULT));
    }
    assertThat(process.pread(stats, -1, -1, _ -> {})).isEqualTo(minus(Errno.EINVAL));
    assertThat(process.pread(stats, top, 0, _ -> {})).isPositive();
  }

  private long enable(Capability cap, long arg) {
    return process.enableCap(vm, cap.number(), 0, arg);
  }

  @Test
  void capabilitiesOfTheMachineCheckTheirArguments() {
    assertThat(enable(Capability.KVM_CAP_EXCEPTION_PAYLOAD, 1)).isZero();
    assertThat(enable(Capability.KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1)).isZero();
    assertThat(enable(Capability.KVM_CAP_X86_USER_SPACE_MSR, 7)).isZero();
    assertThat(enable(Capability.KVM_CAP_X86_USER_SPACE_MSR, 8)).isEqualTo(minus(Errno.EINVAL));
    assertThat(enable(Capability.KVM_CAP_X86_DISABLE_EXITS, 15)).isZero();
    assertThat(enable(Capability.KVM_CAP_X2APIC_API, 4)).isEqualTo(minus(Errno.EINVAL));
    assertThat(enable(Capability.KVM_CAP_SPLIT_IRQCHIP, 4097)).isEqualTo(minus(Errno.EINVAL));
    assertThat(enable(Capability.KVM_CAP_SPLIT_IRQCHIP, 24)).isZero();
    assertThat(enable(Capability.KVM_CAP_SPLIT_IRQCHIP, 24)).isEqualTo(minus(Errno.EEXIST));
    assertThat(enable(Capability.KVM_CAP_X2APIC_API, 4)).isZero();
    assertThat(call(vm, "KVM_GET_IRQCHIP", 0)).isEqualTo(minus(Errno.ENXIO));
    assertThat(call(vm, "KVM_IRQ_LINE", 0)).isZero();
  }

  @Test
  void idsOfVcpusAreSettledOnce() {
    assertThat(enable(Capability.KVM_CAP_MAX_VCPU_ID, 2)).isZero();
    assertThat(enable(Capability.KVM_CAP_MAX_VCPU_ID, 2)).isZero();
    assertThat(enable(Capability.KVM_CAP_MAX_VCPU_ID, 3)).isEqualTo(minus(Errno.EINVAL));
    assertThat(process.createVcpu(vm, 2)).isEqualTo(minus(Errno.EINVAL));
    assertThat(process.createVcpu(vm, 1)).isPositive();
    assertThat(enable(Capability.KVM_CAP_X86_DISABLE_EXITS, 1)).isEqualTo(minus(Errno.EINVAL));
  }
}
