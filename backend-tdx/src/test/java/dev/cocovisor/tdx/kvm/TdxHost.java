package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.uapi.MemoryAttributes;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.PageStats;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.tdx.guest.TdCalls;
import dev.cocovisor.tdx.module.abi.PendingInterrupts;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.td.Td;
import dev.cocovisor.tdx.vmm.TdxVmm;
import java.util.ArrayList;
import java.util.List;

/** A whole host with one TD: the core, KVM's half and the module, with a recorded trace. */
final class TdxHost implements TraceSink {
  static final long SHARED = 1L << 47;
  static final long USER = 0x7f1000000000L;
  static final long M2 = 2L << 20;

  final List<String> seamcalls = new ArrayList<>();

  /** Refusals, each with its reason; calls of guest and host with their results. */
  final List<String> refusals = new ArrayList<>();

  final List<String> results = new ArrayList<>();

  /** Whether nothing is traced, as when several vCPUs run at a time. */
  volatile boolean quiet;

  final List<Runnable> onKick = new ArrayList<>();
  final Kvm kvm;
  final KvmProcess process;
  final TdxPlatform platform;
  final TdxVmm driver = new TdxVmm();
  final long framesBefore;
  final int dev;
  final int vmFd;
  final List<Integer> vcpus = new ArrayList<>();
  int gmem;
  final long size;

  private static HostConfig policy(String policy) {
    return HostConfig.DEFAULT
        .withSetting("tdx.page-size-policy", policy)
        .withSetting("core.gmem-order", "9");
  }

  private TdxHost(HostConfig config, long attributes) {
    this(config, 32L << 20, attributes, 2);
  }

  private TdxHost(HostConfig config, long size, long attributes, int vcpuCount) {
    this.size = size;
    TdxBackend backend = new TdxBackend();
    kvm = new Kvm(config, List.of(backend), this);
    process = new KvmProcess(kvm);
    platform = (TdxPlatform) kvm.platform(backend);
    dev = (int) process.openDevKvm();
    int prot = 3;
    int noReserve = 0x4022;
    ok(process.mmap(USER, size, prot, noReserve | 0x10, -1, 0));
    int noHugePages = 15;
    ok(process.madvise(USER, size, noHugePages));
    framesBefore = kvm.memory().allocatedFrames();
    vmFd = (int) ok(process.createVm(dev, driver.vmType()));
    VmmMachine machine = new VmmMachine(process, vmFd, new Fields().put("attributes", attributes));
    ok(driver.vmCreated(machine));
    for (int i = 0; i < vcpuCount; i++) {
      int fd = (int) ok(process.createVcpu(vmFd, i));
      vcpus.add(fd);
      machine.vcpuFds().add(fd);
    }
    ok(driver.ready(machine));
    gmem = (int) ok(process.createGuestMemfd(vmFd, size, 0));
    ok(process.setUserMemoryRegion2(vmFd, 0, 4, 0, size, USER, 0, gmem));
    ok(attributes(0, size, true));
  }

  static TdxHost building(String policy) {
    return new TdxHost(policy(policy), 1L << 28);
  }

  /** Two slots of 32 MiB one behind the other, each with a file of its own. */
  static TdxHost withTwoSlots(String splitOrder) {
    HostConfig config = policy("rfc-v1").withSetting("core.split-order", splitOrder);
    TdxHost h = new TdxHost(config, 1L << 28);
    long user = USER + h.size;
    int prot = 3;
    ok(h.process.mmap(user, h.size, prot, 0x4032, -1, 0));
    int second = (int) ok(h.process.createGuestMemfd(h.vmFd, h.size, 0));
    ok(h.process.setUserMemoryRegion2(h.vmFd, 1, 4, h.size, h.size, user, 0, second));
    ok(h.attributes(h.size, h.size, true));
    return finalized(h);
  }

  /** A TD that is built as the series of 2024 had it: mapped first, then added. */
  static TdxHost mappedFirst() {
    return new TdxHost(policy("upstream").withSetting("tdx.population", "map-memory"), 1L << 28);
  }

  static TdxHost running(String policy) {
    return finalized(building(policy));
  }

  static TdxHost runningOnSmallFolios(String policy) {
    return finalized(new TdxHost(policy(policy).withSetting("core.gmem-order", "0"), 1L << 28));
  }

  /** A TD being built on a host that has HKIDs for few. */
  static TdxHost withHkids(int count) {
    return new TdxHost(policy("upstream").withSetting("tdx.hkids", "" + count), 1L << 28);
  }

  /** On a processor where KVM clears what leaves a TD, or does not have to. */
  static TdxHost runningOn(String policy, boolean partialWriteErratum) {
    HostConfig config =
        policy(policy).withSetting("tdx.partial-write-erratum", "" + partialWriteErratum);
    return finalized(new TdxHost(config, 1L << 28));
  }

  /** On a KVM that refers to mapped folios as told. */
  static TdxHost withReferences(String policy, String references) {
    HostConfig config = policy(policy).withSetting("tdx.folio-references", references);
    return finalized(new TdxHost(config, 1L << 28));
  }

  /** On a module with dynamic PAMT. */
  static TdxHost withDynamicPamt(String policy) {
    HostConfig config = policy(policy).withSetting("tdx.dynamic-pamt", "true");
    return finalized(new TdxHost(config, 1L << 28));
  }

  /** On a module whose DEMOTE gives way to interrupts ("yes") or not ("no"). */
  static TdxHost runningOnModule(String policy, String demote) {
    HostConfig config = policy(policy).withSetting("tdx.interruptible-demote", demote);
    return finalized(new TdxHost(config, 1L << 28));
  }

  static TdxHost runningWithVe(String policy) {
    return finalized(new TdxHost(policy(policy), 0));
  }

  private static TdxHost finalized(TdxHost h) {
    ok(h.command(h.vmFd, "KVM_TDX_FINALIZE_VM", new Fields()));
    h.seamcalls.clear();
    return h;
  }

  static long ok(long result) {
    if (result < 0) {
      throw new AssertionError("errno " + Errno.of((int) -result));
    }
    return result;
  }

  long command(int fd, String name, Fields in) {
    return process.memoryEncryptOp(fd, new VendorCommand(name, in));
  }

  long attributes(long gpa, long bytes, boolean toPrivate) {
    return process.setMemoryAttributes(
        vmFd, gpa, bytes, toPrivate ? MemoryAttributes.PRIVATE : 0, 0);
  }

  RunResult run(GuestAction action) {
    return run(0, action);
  }

  RunResult run(int vcpu, GuestAction action) {
    RunResult r = process.guestRun(vcpus.get(vcpu), action);
    check();
    return r;
  }

  /** Accepts and returns the guest's status. */
  long accept(long gpa, PageLevel level) {
    RunResult r = run(TdCalls.accept(gpa, level));
    if (r.errno().ok() && r.exit() instanceof Exit.Hlt h) {
      return h.value();
    }
    throw new AssertionError(r);
  }

  int read(long gpa) {
    RunResult r = run(new GuestAction.Read(gpa));
    if (r.errno().ok() && r.exit() instanceof Exit.Hlt h) {
      return (int) h.value();
    }
    throw new AssertionError(r);
  }

  void write(long gpa, int value) {
    RunResult r = run(new GuestAction.Write(gpa, value));
    if (!r.errno().ok() || !(r.exit() instanceof Exit.Hlt)) {
      throw new AssertionError(r);
    }
  }

  Vm vm() {
    Vm vm = process.vm(vmFd);
    if (vm == null) {
      throw new AssertionError("no VM");
    }
    return vm;
  }

  Td td() {
    Td td = ((TdxVm) ForwardingVmOps.unwrap(vm().ops())).td();
    if (td == null) {
      throw new AssertionError("no TD");
    }
    return td;
  }

  /** Asks for the split of a huge leaf as a fault does, with the mmu lock shared. */
  Errno splitInFault(long gfn) {
    return vm().ops().splitExternalSpt(gfn, PageLevel.PG_2M, 0, 0, true);
  }

  long pages4k() {
    return stats().pages4k();
  }

  long pages2m() {
    return stats().pages2m();
  }

  private PageStats stats() {
    PageStats s = process.stats(vmFd);
    if (s == null) {
      throw new AssertionError("no stats");
    }
    return s;
  }

  long count(SeamCall leaf) {
    return platform.seam().count(leaf);
  }

  /** Makes interrupts pend on every processor that host threads use. */
  void interrupts(PendingInterrupts interrupts) {
    for (int lp = 0; lp < Seam.HOST_PROCESSORS; lp++) {
      platform.module().setInterrupts(lp, interrupts);
    }
  }

  /** Mirror = Secure EPT = PAMT, everywhere. */
  void check() {
    List<String> broken = new ArrayList<>();
    kvm.checkInvariants(broken::add);
    platform.checkInvariants(broken::add);
    if (!broken.isEmpty()) {
      throw new AssertionError(broken.toString());
    }
  }

  void close() {
    process.close(gmem);
    for (int fd : vcpus) {
      process.close(fd);
    }
    process.close(vmFd);
  }

  @Override
  public boolean enabled() {
    return !quiet;
  }

  @Override
  public void emit(TraceEvent event) {
    if (event.kind() == TraceEvent.Kind.REFUSAL) {
      refusals.add(event.name() + ": " + event.result());
    } else if (event.kind() == TraceEvent.Kind.FIRMWARE) {
      results.add(event.name() + " " + event.result());
      boolean done = event.result().equals(SeamStatus.SUCCESS.name());
      String name = event.result().substring(event.result().indexOf(' ') + 1);
      if (event.name().startsWith("TDH.")) {
        seamcalls.add(event.name() + (done ? "" : " " + name));
      }
    } else if (event.name().equals("kick")) {
      seamcalls.add("kick");
      List<Runnable> now = List.copyOf(onKick);
      onKick.clear();
      now.forEach(Runnable::run);
    }
  }
}
