package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Whoever boots a host closes it, and nothing is left. */
class HostEndTest {
  private static final long BASE = 1L << 30;
  private static final long HVA = 0x7f60_0000_0000L;
  private static final long M = 2L << 20;

  private final List<String> said = new ArrayList<>();

  private final class Vendor implements Platform, PhysicalGuard {
    @Override
    public VmOps createVm(VmContext vm, VmType type) {
      return new VmOps() {
        @Override
        public VmTraits traits() {
          return FakeBackend.MIRRORED;
        }

        @Override
        public void vmDestroy() {
          said.add("vm " + vm.id() + " destroyed");
        }
      };
    }

    @Override
    public Verdict check(Accessor who, long pfn, boolean write) {
      return Verdict.FAULT;
    }

    @Override
    public PhysicalGuard guard() {
      return this;
    }

    @Override
    public void close() {
      said.add("platform closed");
    }
  }

  private FakeBackend backend() {
    return new FakeBackend(new VmOps() {}) {
      @Override
      public Platform createPlatform(HostMachine host) {
        return new Vendor();
      }
    };
  }

  /** A process with files, mappings, a descriptor that is closed already and two VMs. */
  private static KvmProcess used(Kvm kvm) {
    KvmProcess p = new KvmProcess(kvm);
    int dev = (int) p.openDevKvm();
    for (long type : new long[] {1, 5}) {
      int vm = (int) p.createVm(dev, type);
      int vcpu = (int) p.createVcpu(vm, 0);
      int fd = (int) p.createGuestMemfd(vm, 2 * M, 0);
      long at = HVA + type * 16 * M;
      assertThat(p.mmap(at, 2 * M, 3, 0x22, -1, 0)).isEqualTo(at);
      assertThat(p.setUserMemoryRegion2(vm, 1, 4, BASE, 2 * M, at, 0, fd)).isZero();
      assertThat(p.setMemoryAttributes(vm, BASE, M, 8, 0)).isZero();
      assertThat(p.preFaultMemory(vcpu, 0, new long[] {BASE, 16 * 4096})).isZero();
      assertThat(p.preFaultMemory(vcpu, 0, new long[] {BASE + M, 16 * 4096})).isZero();
      assertThat(p.close(vm)).isZero();
    }
    assertThat(p.memfdCreate(M)).isPositive();
    assertThat(p.memfdCreateInaccessible(M, false, true)).isPositive();
    return p;
  }

  @Test
  void aClosedHostHasNoFileNoVmNoPlatformNoGuardAndEveryFrameBack() {
    Kvm kvm = new Kvm(HostConfig.DEFAULT, List.of(backend()));
    used(kvm);
    assertThat(kvm.memory().allocatedFrames()).isGreaterThan(32);
    assertThat(kvm.memory().check(Accessor.HOST_USER, 7, true))
        .isEqualTo(PhysicalGuard.Verdict.FAULT);
    kvm.close();
    kvm.close();
    assertThat(said).containsExactly("vm 2 destroyed", "platform closed");
    assertThat(kvm.vms()).isEmpty();
    assertThat(kvm.platforms()).isEmpty();
    assertThat(kvm.memory().check(Accessor.HOST_USER, 7, true))
        .isEqualTo(PhysicalGuard.Verdict.ALLOW);
    assertThat(kvm.memory().allocatedFrames()).as("the page of zeros").isEqualTo(1);
    assertThatIllegalStateException().isThrownBy(() -> new KvmProcess(kvm));
  }

  @Test
  void aProcessThatEndsLeavesTheHostToOthers() {
    Kvm kvm = new Kvm(HostConfig.DEFAULT, List.of(backend()));
    KvmProcess first = used(kvm);
    first.close();
    assertThat(kvm.memory().allocatedFrames()).isEqualTo(1);
    KvmProcess second = used(kvm);
    assertThat(kvm.vms()).hasSize(2);
    second.exit();
    assertThat(kvm.vms()).isEmpty();
  }

  @Test
  void aVmTheVendorRefusesIsNoVm() {
    Kvm kvm =
        new Kvm(
            HostConfig.DEFAULT,
            List.of(
                new FakeBackend(
                    new VmOps() {
                      @Override
                      public Errno vmInit() {
                        return Errno.ENOSPC;
                      }

                      @Override
                      public void vmDestroy() {
                        said.add("destroyed");
                      }
                    })));
    KvmProcess p = new KvmProcess(kvm);
    assertThat(p.createVm((int) p.openDevKvm(), 5)).isEqualTo(-Errno.ENOSPC.number());
    assertThat(kvm.vms()).isEmpty();
    kvm.close();
    assertThat(said).isEmpty();
  }

  @Test
  void twoThousandHostsLeaveTheHeapFlat() {
    long[] used = new long[4];
    for (int i = 0; i < 2_000; i++) {
      try (Kvm kvm = new Kvm(HostConfig.DEFAULT, List.of(backend()), TraceSink.OFF)) {
        used(kvm);
      }
      said.clear();
      if (i % 500 == 499) {
        used[i / 500] = heap();
      }
    }
    // What hosts lose makes the heap larger each time; what else the JVM does, now and then.
    assertThat(Math.min(used[1] - used[0], Math.min(used[2] - used[1], used[3] - used[2])))
        .as("least growth of %s", java.util.Arrays.toString(used))
        .isLessThan(1L << 18);
  }

  private static long heap() {
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    Runtime r = Runtime.getRuntime();
    return r.totalMemory() - r.freeMemory();
  }

  @Test
  void thePageOfZerosIsNobodysToLose() {
    var kvm = new Kvm(HostConfig.DEFAULT.withMemoryFrames(1 << 12), List.of());
    var p = new KvmProcess(kvm);
    var _ = p.createVm((int) p.openDevKvm(), 0);
    Vm vm = kvm.vms().getFirst();
    for (int i = 0; i < 2; i++) {
      vm.leak(vm.memory().zeroPage(), 1, "its unmapping was refused");
    }
    assertThat(vm.leaks()).hasSize(1);
    assertThat(vm.mayStay(vm.memory().zeroPage())).isTrue();
    p.exit();
    assertThat(kvm.framesSinceBoot()).isZero();
    kvm.close();
  }
}
