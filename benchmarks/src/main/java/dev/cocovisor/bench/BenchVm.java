package dev.cocovisor.bench;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.ForwardingBackend;
import dev.cocovisor.api.ForwardingPlatform;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.kernel.KernelProfile;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.VendorFailure;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.vm.Vcpu;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.GuestLaunch;
import dev.cocovisor.vmm.Technologies;
import dev.cocovisor.vmm.Technology;
import java.util.List;
import java.util.Objects;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/** A launched and finalized VM of one technology, with one bank of memory. */
final class BenchVm implements AutoCloseable {
  /** KVM_X86_SW_PROTECTED_VM, the built-in type. */
  static final String SW_PROTECTED = "sw-protected";

  private final Kvm kvm;
  private @Nullable VmContext context;
  private final KvmProcess process;
  private final Guest guest;

  /**
   * Launches a VM.
   *
   * @param backend whose
   * @param vcpus how many
   * @param memory bytes of RAM
   * @param huge whether memory comes in 2 MiB pages
   */
  BenchVm(String backend, int vcpus, long memory, boolean huge) {
    this(backend, vcpus, memory, huge, KernelProfile.REFERENCE.toString());
  }

  /** As the other, on a host of another kernel. */
  BenchVm(String backend, int vcpus, long memory, boolean huge, String kernel) {
    Technology technology = Technologies.of(ServiceLoader.load(Backend.class)).require(backend);
    Backend vendor = technology.backend();
    HostConfig config =
        HostConfig.DEFAULT
            .withArchitecture(technology.architecture())
            .withMemoryFrames(1L << 29)
            .withKernel(kernel)
            .withSetting("core.cpus", Integer.toString(vcpus))
            .withSetting("core.gmem-order", huge ? "9" : "0");
    for (Setting s : technology.settings()) {
      if (s.name().equals("tdx.page-size-policy")) {
        config = config.withSetting(s.name(), huge ? "rfc-v1" : "upstream");
      }
    }
    kvm = new Kvm(config, vendor == null ? List.of() : List.of(new Watched(vendor)));
    process = new KvmProcess(kvm);
    guest =
        new Guest(
            technology,
            process,
            GuestLaunch.DEFAULT.withVcpus(vcpus).withMemory(memory).withHuge(huge));
    done(guest.launch());
    if (!guest.finish().done()) {
      throw new IllegalStateException("the launch of " + backend + " does not end");
    }
  }

  private static long done(long result) {
    if (result < 0) {
      throw new IllegalStateException("errno " + -result);
    }
    return result;
  }

  /** Converts a range, given from the start of RAM. */
  void convert(long at, long size, boolean toPrivate) {
    done(guest.hostConvert(at, size, toPrivate));
  }

  /** Returns a vCPU. */
  Vcpu vcpu(int id) {
    return Objects.requireNonNull(kvm.vms().getFirst().vcpu(id));
  }

  /** Returns the address of a place in RAM. */
  long gpa(long at) {
    return guest.gpa(at);
  }

  /** Maps every page of a range; {@code range} is scratch space of two. */
  void map(Vcpu vcpu, long at, long size, long[] range) {
    range[0] = guest.gpa(at);
    range[1] = size;
    while (range[1] != 0) {
      done(vcpu.prefault(0, range, false));
    }
  }

  /**
   * Handles the fault of a page that is not mapped, without the guest's entry before and after.
   *
   * @throws IllegalStateException if the technology cannot, as one whose trusted half gives pages
   *     to a loaded vCPU only
   */
  void fault(Vcpu vcpu, long at) {
    Errno done;
    try {
      done = Objects.requireNonNull(context).mapPage(vcpu, guest.gpa(at), true);
    } catch (VendorFailure e) {
      throw unhandled(e.getMessage());
    }
    if (!done.ok()) {
      throw unhandled(done.toString());
    }
  }

  private static IllegalStateException unhandled(@Nullable String why) {
    return new IllegalStateException(
        "no fault is handled outside a run: " + why + "; read-4k measures the guest's own");
  }

  /** Tells whether KVM_PRE_FAULT_MEMORY maps this VM's memory. */
  boolean preFaults() {
    return kvm.architecture().equals(Architecture.X86_64);
  }

  /**
   * Leaves a guest's faults nothing but to map: what is mapped goes if the host can take it away,
   * and the process has its pages.
   *
   * @return false where the guest keeps what it has
   */
  boolean provide(int pages) {
    long size = pages * 4096L;
    boolean again = guest.hostConvert(0, size, false) == 0;
    if (again && !guest.convert(0, 0, size, true).done()) {
      throw new IllegalStateException("the guest could not take its memory back");
    }
    for (int page = 0; page < pages; page++) {
      done(guest.hostWrite(page * 4096L, 1));
    }
    return again;
  }

  /** The guest reads a byte of a page, in a run of its own. */
  void read(Vcpu vcpu, long at) {
    RunResult r = vcpu.run(new GuestAction.Read(guest.gpa(at)));
    if (!r.errno().ok()) {
      throw new IllegalStateException(r.toString());
    }
  }

  @Override
  public void close() {
    kvm.close();
  }

  /** A vendor whose VM's view of KVM is kept, for what KVM does when the vendor's half asks it. */
  private final class Watched extends ForwardingBackend {
    Watched(Backend vendor) {
      super(vendor);
    }

    @Override
    public Platform createPlatform(HostMachine host) {
      return new ForwardingPlatform(super.createPlatform(host)) {
        @Override
        public VmOps createVm(VmContext vm, VmType type) {
          context = vm;
          return super.createVm(vm, type);
        }
      };
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
    return guest.machine().vmFd();
  }
}
