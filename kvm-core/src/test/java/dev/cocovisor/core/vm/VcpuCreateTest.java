package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Where vCPUs run, and what a VM answers that lacks what its vCPUs need. */
class VcpuCreateTest {
  private static final long HVA = 0x7f60_0000_0000L;
  private static final long PAGE = 4096;

  /** KVM_CAP_DIRTY_LOG_RING. */
  private static final int RING = 192;

  private static KvmProcess on(HostConfig config) {
    return new KvmProcess(new Kvm(config, List.of()));
  }

  private static int vm(KvmProcess p) {
    return (int) p.createVm((int) p.openDevKvm(), 1);
  }

  @Test
  void vcpusAreSpreadOverTheProcessorsInTheOrderTheyAreMade() {
    KvmProcess p = on(HostConfig.DEFAULT.withSetting("core.cpus", "2"));
    int vm = vm(p);
    for (int id : new int[] {7, 3, 5}) {
      assertThat(p.createVcpu(vm, id)).isPositive();
    }
    Vm made = Objects.requireNonNull(p.vm(vm));
    assertThat(Objects.requireNonNull(made.vcpu(7)).cpu()).isZero();
    assertThat(Objects.requireNonNull(made.vcpu(3)).cpu()).isEqualTo(1);
    assertThat(Objects.requireNonNull(made.vcpu(5)).cpu()).isZero();
  }

  // virt/kvm/kvm_main.c (7.3), kvm_vm_ioctl_create_vcpu: too many is told before a duplicate.
  @Test
  void aVmHasNoMoreVcpusThanItCanHave() {
    KvmProcess p = on(HostConfig.DEFAULT.withSetting("core.max-vcpus", "2"));
    int vm = vm(p);
    assertThat(p.createVcpu(vm, 0)).isPositive();
    assertThat(p.createVcpu(vm, 0)).isEqualTo(-Errno.EEXIST.number());
    assertThat(p.createVcpu(vm, 1)).isPositive();
    assertThat(p.createVcpu(vm, 2)).isEqualTo(-Errno.EINVAL.number());
    assertThat(p.createVcpu(vm, 0)).isEqualTo(-Errno.EINVAL.number());
  }

  // arch/x86/kvm/mmu/mmu.c, make_mmu_pages_available: a VM without any slot has no page to give.
  @Test
  void theShadowMmuOfAVmWithoutSlotsHasNoTablesToRunWith() {
    KvmProcess p = on(HostConfig.DEFAULT.withTdpMmu(false));
    int vm = (int) p.createVm((int) p.openDevKvm(), 0);
    int vcpu = (int) p.createVcpu(vm, 0);
    assertThat(p.guestRead(vcpu, 0, 0)).isEqualTo(-Errno.ENOSPC.number());
    assertThat(p.mmap(HVA, PAGE, 3, 0x22, -1, 0)).isEqualTo(HVA);
    assertThat(p.setUserMemoryRegion2(vm, 0, 0, 0, PAGE, HVA, 0, -1)).isZero();
    assertThat(p.guestRead(vcpu, 0, 0)).isZero();
  }

  // include/linux/kvm_host.h, KVM_MEM_MAX_NR_PAGES: (1UL << 31) - 1.
  @Test
  void aSlotHasTwoToTheThirtyOnePagesLessOneAtMost() {
    // Without nested paging guest addresses have 52 bits; with it the processor's width ends first.
    KvmProcess p = on(HostConfig.DEFAULT.withTdpMmu(false));
    int vm = (int) p.createVm((int) p.openDevKvm(), 0);
    long most = ((1L << 31) - 1) * PAGE;
    assertThat(p.setUserMemoryRegion2(vm, 0, 0, 0, most + PAGE, 0x1000_0000L, 0, -1))
        .isEqualTo(-Errno.EINVAL.number());
    assertThat(p.setUserMemoryRegion2(vm, 0, 0, 0, most, 0x1000_0000L, 0, -1)).isZero();
  }

  @Test
  void aVcpuWhoseRingFindsNoMemoryIsNotThere() {
    KvmProcess p = on(HostConfig.DEFAULT.withMemoryFrames(12));
    int vm = vm(p);
    assertThat(p.enableCap(vm, RING, 0, 1 << 16)).isZero();
    assertThat(p.createVcpu(vm, 0)).isEqualTo(-Errno.ENOMEM.number());
    assertThat(Objects.requireNonNull(p.vm(vm)).vcpu(0)).isNull();
    assertThat(p.createVcpu(vm, 0)).isEqualTo(-Errno.ENOMEM.number());
  }
}
