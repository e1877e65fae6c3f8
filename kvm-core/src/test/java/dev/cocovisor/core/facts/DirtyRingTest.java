package dev.cocovisor.core.facts;

import static dev.cocovisor.core.facts.Vmm.BASE;
import static dev.cocovisor.core.facts.Vmm.DEFAULT;
import static dev.cocovisor.core.facts.Vmm.LOG_DIRTY;
import static dev.cocovisor.core.facts.Vmm.P;
import static dev.cocovisor.core.facts.Vmm.fails;
import static dev.cocovisor.core.facts.Vmm.fd;
import static dev.cocovisor.core.facts.Vmm.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Dirty pages in rings of vCPUs. Source: {@code virt/kvm/dirty_ring.c} and {@code kvm_main.c},
 * kvm_vm_ioctl_enable_dirty_log_ring, kvm_vcpu_mmap, of Linux 7.3; each test names the function.
 */
class DirtyRingTest {
  private static final int RING = Capability.KVM_CAP_DIRTY_LOG_RING.number();
  private static final int ACQ_REL = Capability.KVM_CAP_DIRTY_LOG_RING_ACQ_REL.number();
  private static final int PROT = 3;
  private static final long OFFSET = 64 * P;
  private static final int FULL = 31;
  private static final int ENTRIES = 256;
  private static final int SOFT_LIMIT = 192;

  private final Kvm kvm = new Kvm(HostConfig.DEFAULT, List.of());
  private final KvmProcess process = new KvmProcess(kvm);
  private final int vm = fd(process.createVm(fd(process.openDevKvm()), DEFAULT));
  private int vcpu;
  private long ring;
  private int taken;

  @AfterEach
  void keepEveryInvariantAndEveryFrame() {
    assertThat(kvm.violations()).isEmpty();
    process.exit();
    assertThat(kvm.vms()).isEmpty();
  }

  private long enable(int cap, long bytes) {
    return process.enableCap(vm, cap, 0, bytes);
  }

  /** A VM with a ring of one page, its vCPU and a logged slot. */
  private void start(long pages) {
    ok(enable(RING, P));
    vcpu = fd(process.createVcpu(vm, 0));
    ring = process.mmap(0, P, PROT, 1, vcpu, OFFSET);
    assertThat(ring).isPositive();
    long hva = process.mmap(0, pages * P, PROT, 0x4022, -1, 0);
    ok(process.madvise(hva, pages * P, 15));
    ok(process.setUserMemoryRegion2(vm, 1, LOG_DIRTY, BASE, pages * P, hva, 0, -1));
  }

  private int writes(long page) {
    ok(process.guestWrite(vcpu, -1, BASE + page * P, 1));
    return Objects.requireNonNull(process.run(vcpu)).exitReason();
  }

  private long at(int entry) {
    return ring + (long) (entry % ENTRIES) * 16;
  }

  private long load(long addr, int bytes) {
    long all = 0;
    for (int i = 0; i < bytes; i++) {
      all |= process.hostRead(addr + i) << (8 * i);
    }
    return all;
  }

  /** Takes what is dirty as a VMM does, marking it. */
  private List<Long> harvest() {
    var pages = new ArrayList<Long>();
    while (load(at(taken), 4) == 1) {
      assertThat(load(at(taken) + 4, 4)).isEqualTo(1);
      pages.add(load(at(taken) + 8, 8));
      ok(process.hostWrite(at(taken), 2));
      taken++;
    }
    return pages;
  }

  private long reset() {
    return process.vendorIoctl(vm, new VendorCommand("KVM_RESET_DIRTY_RINGS", new Fields()));
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 1024, 2048, 4095, 6144, 0x180000, 0x1_0000_0000L})
  void kvm_vm_ioctl_enable_dirty_log_ring_wantsAPowerOfTwo(long bytes) {
    fails(enable(RING, bytes), Errno.EINVAL);
    fails(enable(ACQ_REL, bytes), Errno.EINVAL);
  }

  @Test
  void kvm_vm_ioctl_enable_dirty_log_ring_isOnceBeforeVcpusAndAtMostAMegabyte() {
    fails(enable(RING, 2 << 20), Errno.E2BIG);
    fails(enable(ACQ_REL, 0x8000_0000L), Errno.E2BIG);
    // Bits above 32 and the flags are not looked at.
    ok(process.enableCap(vm, RING, 5, 0x1_0000_1000L));
    fails(enable(RING, P), Errno.EINVAL);
    fails(enable(Capability.KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP.number(), 0), Errno.EINVAL);
    int other = fd(process.createVm(3, DEFAULT));
    fd(process.createVcpu(other, 0));
    fails(process.enableCap(other, RING, 0, P), Errno.EINVAL);
  }

  @Test
  void kvm_vm_ioctl_reset_dirty_pages_wantsRings() {
    fails(reset(), Errno.EINVAL);
    ok(enable(ACQ_REL, P));
    ok(reset());
    fails(
        process.vendorIoctl(3, new VendorCommand("KVM_RESET_DIRTY_RINGS", new Fields())),
        Errno.EINVAL);
  }

  @Test
  void kvm_get_dirty_log_protect_refusesAVmWithRings() {
    start(8);
    fails(process.getDirtyLog(vm, 0xffff_ffffL, 0), Errno.ENXIO);
    fails(process.clearDirtyLog(vm, 1, 1, 64, 0), Errno.ENXIO);
  }

  @Test
  void kvm_vcpu_mmap_showsTheRingSharedAndNotExecutable() {
    start(8);
    fails(process.mmap(0, P, PROT, 2, vcpu, OFFSET), Errno.EINVAL);
    fails(process.mmap(0, P, PROT | 4, 1, vcpu, OFFSET), Errno.EINVAL);
    fails(process.mmap(0, 65 * P, PROT, 2, vcpu, 0), Errno.EINVAL);
    long all = process.mmap(0, 66 * P, PROT, 2, vcpu, 0);
    assertThat(process.hostRead(all)).isZero();
    assertThat(process.hostRead(all + 3 * P)).isEqualTo(KvmProcess.SIGBUS);
    assertThat(process.hostRead(all + 65 * P)).isEqualTo(KvmProcess.SIGBUS);
    assertThat(process.hostRead(ring)).isZero();
  }

  @Test
  void mark_page_dirty_in_slot_pushesOnceUntilTheEntryIsReset() {
    start(8);
    assertThat(writes(3)).isEqualTo(5);
    writes(3);
    writes(7);
    assertThat(harvest()).containsExactly(3L, 7L);
    // Not reset yet: nothing is protected, so nothing is logged.
    writes(3);
    assertThat(harvest()).isEmpty();
    assertThat(reset()).isEqualTo(2);
    ok(reset());
    writes(7);
    assertThat(harvest()).containsExactly(7L);
  }

  @Test
  void kvm_dirty_ring_reset_stopsAtTheFirstEntryNobodyHarvested() {
    start(8);
    for (int page = 0; page < 3; page++) {
      writes(page);
    }
    ok(process.hostWrite(at(1), 2));
    ok(reset());
    ok(process.hostWrite(at(0), 2));
    assertThat(reset()).isEqualTo(2);
    writes(1);
    assertThat(load(at(3) + 8, 8)).isEqualTo(1);
  }

  @Test
  void kvm_dirty_ring_reset_protectsWhatNeighboursShareBackwardsToo() {
    start(200);
    long[] order = {130, 129, 66, 67, 199, 0};
    for (long page : order) {
      writes(page);
    }
    assertThat(harvest()).hasSize(order.length);
    assertThat(reset()).isEqualTo(order.length);
    for (long page : order) {
      writes(page);
    }
    assertThat(harvest()).containsExactly(130L, 129L, 66L, 67L, 199L, 0L);
  }

  @Test
  void kvm_reset_dirty_gfn_minds_noEntryThatLeadsNowhere() {
    start(8);
    writes(2);
    ok(process.hostWrite(at(0) + 8, 0xff));
    ok(process.hostWrite(at(0) + 15, 0xff));
    ok(process.hostWrite(at(0), 2));
    assertThat(reset()).isEqualTo(1);
    writes(2);
    assertThat(harvest()).isEmpty();
  }

  @Test
  void kvm_dirty_ring_check_request_keepsTheGuestOutWhileTheRingIsSoftFull() {
    start(512);
    for (int page = 0; page < SOFT_LIMIT - 1; page++) {
      assertThat(writes(page)).isEqualTo(5);
    }
    // The page is logged, and the guest comes out before it has written.
    assertThat(writes(300)).isEqualTo(FULL);
    assertThat(writes(300)).isEqualTo(FULL);
    assertThat(harvest()).hasSize(SOFT_LIMIT).endsWith(190L, 300L);
    assertThat(writes(300)).isEqualTo(FULL);
    assertThat(reset()).isEqualTo(SOFT_LIMIT);
    assertThat(writes(300)).isEqualTo(5);
    assertThat(harvest()).containsExactly(300L);
  }

  @Test
  void theFileKeepsTheVmWhileTheRingIsMapped() {
    start(8);
    writes(1);
    ok(process.close(vcpu));
    ok(process.close(vm));
    assertThat(kvm.vms()).hasSize(1);
    assertThat(load(at(0) + 8, 8)).isEqualTo(1);
    ok(process.munmap(ring, P));
    assertThat(kvm.vms()).isEmpty();
  }

  @Test
  void whatAVmmCollectsIsWhatTheGuestWrote() {
    start(400);
    var random = new Random(15);
    Set<Long> written = new TreeSet<>();
    Set<Long> seen = new TreeSet<>();
    for (int i = 0; i < 5000; i++) {
      long page = random.nextInt(400);
      if (writes(page) == FULL || random.nextInt(60) == 0) {
        seen.addAll(harvest());
        assertThat(reset()).isGreaterThanOrEqualTo(0);
        writes(page);
      }
      written.add(page);
      if (random.nextInt(100) == 0) {
        seen.addAll(harvest());
        assertThat(reset()).isGreaterThanOrEqualTo(0);
        assertThat(seen).isEqualTo(written);
        seen.clear();
        written.clear();
      }
    }
  }
}
