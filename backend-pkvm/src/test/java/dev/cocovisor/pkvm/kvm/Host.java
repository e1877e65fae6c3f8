package dev.cocovisor.pkvm.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.pkvm.guest.Hvc;
import dev.cocovisor.pkvm.hyp.Hyp;
import java.util.ArrayList;
import java.util.List;

/** An arm64 host in protected mode with one VMM that has 32 MiB of memory. */
final class Host {
  static final long RAM = 0x5000_0000_0000L;
  static final long RAM_SIZE = 0x200_0000;
  static final long GPA = 0x9000_0000L;
  static final int FIRST_HANDLE = 0x1000;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
  private static final int MADV_NOHUGEPAGE = 15;
  private static final int MAP_HUGETLB = 0x40000;

  final Kvm kvm;
  final KvmProcess process;
  final int dev;

  Host(String... settings) {
    this(new PkvmBackend(), settings);
  }

  Host(Backend backend, String... settings) {
    HostConfig config = new HostConfig(1L << 20, true, 2).withArchitecture(Architecture.ARM64);
    for (int i = 0; i < settings.length; i += 2) {
      config = config.withSetting(settings[i], settings[i + 1]);
    }
    kvm = new Kvm(config, List.of(backend));
    process = new KvmProcess(kvm);
    dev = (int) process.openDevKvm();
    assertThat(process.mmap(RAM, RAM_SIZE, 3, MAP_PRIVATE_ANONYMOUS, -1, 0)).isEqualTo(RAM);
    assertThat(process.madvise(RAM, RAM_SIZE, MADV_NOHUGEPAGE)).isZero();
  }

  long hugeMemory(long size) {
    return process.mmap(0, size, 3, MAP_PRIVATE_ANONYMOUS | MAP_HUGETLB, -1, 0);
  }

  PkvmPlatform platform() {
    return (PkvmPlatform) kvm.platforms().getFirst();
  }

  Hyp hyp() {
    return platform().hyp();
  }

  List<String> violations() {
    return kvm.violations();
  }

  long frames() {
    return kvm.memory().allocatedFrames();
  }

  Guest guest(boolean isProtected) {
    return guest(isProtected, 1);
  }

  /** A VM with RAM at {@link #GPA}, backed by the first 2 MiB of the VMM's memory. */
  Guest guest(boolean isProtected, int vcpus) {
    VmType type = isProtected ? VmType.ARM_PROTECTED : VmType.ARM_NORMAL;
    int vm = (int) process.createVm(dev, type.number());
    assertThat(vm).isPositive();
    assertThat(process.setUserMemoryRegion(vm, 0, 0, GPA, 0x20_0000, RAM)).isZero();
    List<Integer> fds = new ArrayList<>();
    for (int i = 0; i < vcpus; i++) {
      fds.add(vcpu(vm, i));
    }
    return new Guest(vm, fds);
  }

  /** A vCPU, initialised and without a code page. */
  int vcpu(int vm, int id) {
    int fd = (int) process.createVcpu(vm, id);
    assertThat(process.vendorIoctl(fd, init(0))).isZero();
    return fd;
  }

  static VendorCommand init(long features) {
    return new VendorCommand("KVM_ARM_VCPU_INIT", new Fields().put("features", features));
  }

  /** A VM as its VMM holds it. */
  final class Guest {
    final int vm;
    final List<Integer> vcpus;

    Guest(int vm, List<Integer> vcpus) {
      this.vm = vm;
      this.vcpus = vcpus;
    }

    RunResult run(GuestAction action) {
      return process.guestRun(vcpus.getFirst(), action);
    }

    RunResult read(long gpa) {
      return run(new GuestAction.Read(gpa));
    }

    RunResult write(long gpa, int value) {
      return run(new GuestAction.Write(gpa, value));
    }

    RunResult hvc(long fn, long a0) {
      return run(new Hvc(fn, a0, 0, 0).action());
    }

    long region(long slot, long flags, long gpa, long size, long uaddr) {
      return process.setUserMemoryRegion(vm, slot, flags, gpa, size, uaddr);
    }

    void close() {
      for (int fd : vcpus) {
        assertThat(process.close(fd)).isZero();
      }
      assertThat(process.close(vm)).isZero();
    }
  }

  static RunResult done(long value) {
    return RunResult.ok(new Exit.Done(value));
  }

  static long err(Errno e) {
    return -e.number();
  }
}
