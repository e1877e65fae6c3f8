package dev.cocovisor.bench;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.vmm.VmmBank;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.vm.Vcpu;
import dev.cocovisor.vmm.Technology;
import java.util.List;
import java.util.Objects;

/** A launched and finalized VM of one technology, with one bank of memory. */
final class Machine {
  /** KVM_X86_SW_PROTECTED_VM, the built-in type. */
  static final String SW_PROTECTED = "sw-protected";

  private static final String HUGE_TDX = "tdx.page-size-policy";
  private static final int GUEST_MEMFD = 4;
  private static final int PROT_READ_WRITE = 3;
  private static final int PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
  private static final int HUGETLB = 0x40000;
  private static final int MADV_NOHUGEPAGE = 15;

  private final Kvm kvm;
  private final KvmProcess process;
  private final VmmDriver driver;
  private final VmmMachine vm;
  private final long ramBase;

  /**
   * Launches a VM.
   *
   * @param backend whose
   * @param vcpus how many
   * @param memory bytes of RAM
   * @param huge whether memory comes in 2 MiB pages
   */
  Machine(String backend, int vcpus, long memory, boolean huge) {
    Technology technology = Setup.technologies().require(backend);
    driver = technology.driver();
    HostConfig config =
        HostConfig.DEFAULT
            .withArchitecture(technology.architecture())
            .withMemoryFrames(1L << 29)
            .withSetting("core.cpus", Integer.toString(vcpus))
            .withSetting("core.gmem-order", huge ? "9" : "0");
    if (huge && technology.settings().stream().anyMatch(t -> t.name().equals(HUGE_TDX))) {
      config = config.withSetting(HUGE_TDX, "rfc-v1");
    }
    Backend own = technology.backend();
    kvm = new Kvm(config, own == null ? List.of() : List.of(own));
    process = new KvmProcess(kvm);
    int vmFd = fd(process.createVm(fd(process.openDevKvm()), driver.vmType()));
    vm = new VmmMachine(process, vmFd, new Fields());
    done(driver.vmCreated(vm));
    for (int i = 0; i < vcpus; i++) {
      vm.vcpuFds().add(fd(process.createVcpu(vmFd, i)));
    }
    ramBase = driver.ramBase();
    plug(memory, huge);
    done(driver.ready(vm));
    done(driver.finalizeLaunch(vm));
  }

  private void plug(long memory, boolean huge) {
    int flags = PRIVATE_ANONYMOUS_NORESERVE | (huge ? HUGETLB : 0);
    long user = done(process.mmap(0, memory, PROT_READ_WRITE, flags, -1, 0));
    if (!huge) {
      var _ = process.madvise(user, memory, MADV_NOHUGEPAGE);
    }
    int memfd = fd(process.createGuestMemfd(vm.vmFd(), memory, 0));
    done(process.setUserMemoryRegion2(vm.vmFd(), 0, GUEST_MEMFD, ramBase, memory, user, 0, memfd));
    vm.banks().add(new VmmBank(0, ramBase, memory, user, memfd));
    convert(0, memory, true);
  }

  private static int fd(long result) {
    return (int) done(result);
  }

  private static long done(long result) {
    if (result < 0) {
      throw new IllegalStateException("errno " + -result);
    }
    return result;
  }

  /** Converts a range, given from the start of RAM. */
  void convert(long at, long size, boolean toPrivate) {
    done(driver.convert(vm, ramBase + at, size, toPrivate));
  }

  /** Returns a vCPU. */
  Vcpu vcpu(int id) {
    return Objects.requireNonNull(kvm.vms().getFirst().vcpu(id));
  }

  /** Returns the address of a place in RAM. */
  long gpa(long at) {
    return ramBase + at;
  }

  /** Maps every page of a range; {@code range} is scratch space of two. */
  void map(Vcpu vcpu, long at, long size, long[] range) {
    range[0] = ramBase + at;
    range[1] = size;
    while (range[1] != 0) {
      done(vcpu.prefault(0, range, false));
    }
  }

  /** Breaks loudly if the model broke one of its invariants: the figures would mean nothing. */
  void check() {
    kvm.checkInvariants(v -> {
      throw new IllegalStateException(v);
    });
  }

  /** Returns the process that drives the VM. */
  KvmProcess process() {
    return process;
  }

  /** Returns the VM's descriptor. */
  int vmFd() {
    return vm.vmFd();
  }
}
