package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** The kernel's own accesses see shared memory, and keep nothing that was taken away. */
class KernelAccessTest {
  private static final long BASE = 1L << 30;
  private static final long HVA = 0x7f60_0000_0000L;

  private final Kvm kvm = new Kvm(HostConfig.DEFAULT, List.of());
  private final KvmProcess p = new KvmProcess(kvm);
  private final int vm = (int) p.createVm((int) p.openDevKvm(), 1);
  private final int vcpu = (int) p.createVcpu(vm, 0);
  private final int fd = (int) p.createGuestMemfd(vm, 1 << 20, 0);
  private final KernelAccess kernel = Objects.requireNonNull(p.vm(vm)).kernelAccess();

  KernelAccessTest() {
    assertThat(p.mmap(HVA, 1 << 20, 3, 0x22, -1, 0)).isEqualTo(HVA);
    assertThat(p.setUserMemoryRegion2(vm, 1, 4, BASE, 1 << 20, HVA, 0, fd)).isZero();
  }

  @Test
  void readsAndWritesGoThroughTheVmmsMapping() {
    assertThat(kernel.write(BASE + 4094, new byte[] {1, 2, 3, 4}, 0, 4)).isEqualTo(Errno.OK);
    assertThat(p.hostRead(HVA + 4097)).isEqualTo(4);
    byte[] back = new byte[4];
    assertThat(kernel.read(BASE + 4094, back, 0, 4)).isEqualTo(Errno.OK);
    assertThat(back).containsExactly(1, 2, 3, 4);
    assertThat(kernel.read(BASE - 1, back, 0, 2)).isEqualTo(Errno.EFAULT);
  }

  @Test
  void aPageAtHandFollowsTheMappingAndTheSlots() {
    CachedPage page = kernel.cache(BASE);
    assertThat(page.write(7)).isEqualTo(Errno.OK);
    assertThat(p.hostRead(HVA)).isEqualTo(7);
    assertThat(p.madvise(HVA, 4096, 4)).isZero();
    assertThat(p.hostRead(HVA)).isZero();
    assertThat(page.write(8)).isEqualTo(Errno.OK);
    assertThat(p.hostRead(HVA)).isEqualTo(8);
    assertThat(p.setUserMemoryRegion2(vm, 1, 4, BASE, 0, HVA, 0, -1)).isZero();
    assertThat(page.write(9)).isEqualTo(Errno.EFAULT);
    page.close();
  }

  @Test
  void aPageThatBecomesPrivateIsNoLongerAtHand() {
    CachedPage page = kernel.cache(BASE);
    assertThat(page.write(7)).isEqualTo(Errno.OK);
    assertThat(p.setMemoryAttributes(vm, BASE, 4096, 8, 0)).isZero();
    assertThat(page.write(8)).isEqualTo(Errno.EFAULT);
    assertThat(p.hostRead(HVA)).as("the shared half keeps what it had").isEqualTo(7);
    assertThat(p.setMemoryAttributes(vm, BASE, 4096, 0, 0)).isZero();
    assertThat(page.write(9)).isEqualTo(Errno.OK);
  }

  @Test
  void aSignalInterruptsARunAndPrePopulationOnce() {
    Vcpu v = Objects.requireNonNull(p.vcpu(vcpu));
    v.signal();
    var r = p.guestRun(vcpu, new GuestAction.Read(BASE, GuestAction.NO_CODE, true));
    assertThat(r.errno()).isEqualTo(Errno.EINTR);
    assertThat(r.exit().name()).isEqualTo("KVM_EXIT_INTR");
    v.signal();
    long[] range = {BASE, 8192};
    assertThat(p.preFaultMemory(vcpu, 0, range)).isEqualTo(-Errno.EINTR.number());
    assertThat(range).containsExactly(BASE, 8192);
    assertThat(p.preFaultMemory(vcpu, 0, range)).isZero();
    assertThat(range[1]).isZero();
  }
}
