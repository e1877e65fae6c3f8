package dev.cocovisor.tck;

import static dev.cocovisor.tck.Claims.claim;
import static dev.cocovisor.tck.Claims.same;
import static dev.cocovisor.tck.Claims.succeeds;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.VmmBank;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import java.util.List;

/**
 * A VM of the backend under test, launched and used as its own VMM would. Offsets count from RAM.
 */
final class Guest {
  private static final int HLT = 5;
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
  private static final int MADV_NOHUGEPAGE = 15;
  private static final int MEM_GUEST_MEMFD = 4;

  /** An offset far behind any RAM. */
  static final long NOWHERE = 1L << 32;

  private final Bench bench;
  private final VmmMachine machine;
  private final VmmDriver driver;
  private final int number;
  private boolean gone;
  private boolean mortal;

  Guest(Bench bench, VmmMachine machine, int number) {
    this.bench = bench;
    this.machine = machine;
    this.driver = bench.driver();
    this.number = number;
  }

  Guest created() {
    succeeds(driver.vmCreated(machine), "the VMM's first calls");
    return this;
  }

  /** Lets the VM die of what its guest does, without that being a bug. */
  void mayDie() {
    mortal = true;
  }

  boolean mortal() {
    return mortal;
  }

  VmmMachine machine() {
    return machine;
  }

  boolean gone() {
    return gone;
  }

  VmContext context() {
    return bench.witness().vm(number).context();
  }

  WitnessOps ops() {
    return bench.witness().vm(number);
  }

  Guest configure(int vcpus) {
    for (int id = 0; id < vcpus; id++) {
      int fd =
          (int) succeeds(bench.process().createVcpu(machine.vmFd(), id), "KVM_CREATE_VCPU " + id);
      machine.vcpuFds().add(fd);
    }
    return this;
  }

  /** Plugs RAM; backed by a guest_memfd where the technology uses one. */
  Guest plug(long size) {
    long at = machine.banks().stream().mapToLong(b -> b.gpa() + b.size()).max().orElse(base());
    long user = map(size);
    int memfd = -1;
    int slot = machine.banks().size();
    if (driver.guestMemfd()) {
      memfd =
          (int)
              succeeds(
                  bench.process().createGuestMemfd(machine.vmFd(), size, 0),
                  "KVM_CREATE_GUEST_MEMFD");
      succeeds(
          bench
              .process()
              .setUserMemoryRegion2(
                  machine.vmFd(), slot, MEM_GUEST_MEMFD, at, size, user, 0, memfd),
          "KVM_SET_USER_MEMORY_REGION2");
    } else {
      succeeds(
          bench.process().setUserMemoryRegion(machine.vmFd(), slot, 0, at, size, user),
          "KVM_SET_USER_MEMORY_REGION");
    }
    machine.banks().add(new VmmBank(slot, at, size, user, memfd));
    if (driver.privateFromStart()) {
      succeeds(driver.convert(machine, at, size, true), "the first conversion to private");
    }
    return this;
  }

  long map(long size) {
    long user =
        succeeds(
            bench.process().mmap(0, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0),
            "mmap");
    var _ = bench.process().madvise(user, size, MADV_NOHUGEPAGE);
    return user;
  }

  Guest ready() {
    succeeds(driver.ready(machine), "the VMM's calls before the launch");
    return this;
  }

  Guest finish() {
    succeeds(driver.finalizeLaunch(machine), "the end of the launch");
    if (bench.subject().has(Behaviour.FIRST_RUN_ENDS_LAUNCH)) {
      firstRun();
    }
    for (int v = 1; v < machine.vcpuFds().size(); v++) {
      for (GuestAction action : driver.startVcpu(machine, v)) {
        did(run(action), "starting vCPU " + v);
      }
    }
    return this;
  }

  /** Runs the first vCPU for an access that no memory answers: nothing is mapped by it. */
  void firstRun() {
    RunResult run = tryRead(NOWHERE, false);
    if (run.errno() != Errno.EFAULT) {
      Claims.ran(run, "the first run");
    }
  }

  long base() {
    return driver.ramBase();
  }

  long gfn(long at) {
    return (base() + at) >>> PageLevel.PAGE_SHIFT;
  }

  /** Fills a source page with one value and populates with it. */
  long populate(long at, long size, int value, boolean measured) {
    long source = source(size, value);
    long ret = populateFrom(at, size, source, measured);
    same((long) value, bench.process().hostRead(source), "the source after populating");
    succeeds(bench.process().munmap(source, size), "munmap");
    return ret;
  }

  /** Fills pages of the VMM's with one value. */
  long source(long size, int value) {
    long source = map(size);
    for (long p = 0; p < size; p += Bench.PAGE) {
      succeeds(bench.process().hostWrite(source + p, value), "a store to the source");
    }
    return source;
  }

  long populateFrom(long at, long size, long source, boolean measured) {
    return driver.populate(machine, base() + at, size, source, measured);
  }

  /** What the guest does to accept a range; empty where nothing is accepted. */
  List<GuestAction> acceptActions(long at, long size) {
    return driver.accept(machine, base() + at, size, PageLevel.PG_4K);
  }

  RunResult run(GuestAction action) {
    return run(0, action);
  }

  RunResult run(int vcpu, GuestAction action) {
    return bench.process().guestRun(machine.vcpuFds().get(vcpu), action);
  }

  RunResult tryRead(long at, boolean shared) {
    return tryRead(0, at, shared);
  }

  RunResult tryRead(int vcpu, long at, boolean shared) {
    return run(vcpu, new GuestAction.Read(address(at, shared), GuestAction.NO_CODE, !shared));
  }

  RunResult tryWrite(int vcpu, long at, int value, boolean shared) {
    return run(
        vcpu, new GuestAction.Write(address(at, shared), value, GuestAction.NO_CODE, !shared));
  }

  RunResult tryWrite(long at, int value, boolean shared) {
    return tryWrite(0, at, value, shared);
  }

  private long address(long at, boolean shared) {
    return driver.guestAddress(machine, base() + at, shared);
  }

  int read(long at, boolean shared) {
    RunResult run = tryRead(at, shared);
    Claims.ran(run, "a guest's read at " + Long.toHexString(at));
    claim(completed(run), "a guest's read at " + Long.toHexString(at) + " ended with " + run);
    return (int) value(run.exit());
  }

  void write(long at, int value, boolean shared) {
    RunResult run = tryWrite(at, value, shared);
    Claims.ran(run, "a guest's write at " + Long.toHexString(at));
    claim(completed(run), "a guest's write at " + Long.toHexString(at) + " ended with " + run);
  }

  /** Takes private memory into use, where that has to be done. */
  Guest accept(long at, long size) {
    return accept(at, size, PageLevel.PG_4K);
  }

  Guest accept(long at, long size, PageLevel level) {
    for (GuestAction action : driver.accept(machine, base() + at, size, level)) {
      did(run(action), "accepting at " + Long.toHexString(at));
    }
    return this;
  }

  /** Takes memory behind a hole into use. */
  Guest takeBack(long at, long size) {
    if (!bench.subject().has(Behaviour.LOST_MEMORY_IS_ASKED_FOR)) {
      return accept(at, size);
    }
    succeeds(convert(at, size, true), "asking for lost memory");
    return this;
  }

  /** Claims that an action of the guest completed and that the guest was told of success. */
  private static void did(RunResult run, String what) {
    Claims.ran(run, what);
    claim(acted(run), what + " ended with " + run);
  }

  /** Converts a range with all that guest and host have to do; returns the host's answer. */
  long convert(long at, long size, boolean toPrivate) {
    boolean asked = false;
    long ret = 0;
    for (GuestAction action : driver.askConversion(machine, base() + at, size, toPrivate)) {
      RunResult run = run(action);
      if (leavesToHost(run.exit())) {
        ret = driver.convert(machine, base() + at, size, toPrivate);
        asked = true;
        if (ret < 0) {
          return ret;
        }
        GuestAction next = driver.resume(machine, 0);
        if (run.exit() instanceof Exit.MemoryFault && next instanceof GuestAction.Resume) {
          continue; // nobody waits: the guest finds its memory converted when it runs again
        }
        run = run(next);
      }
      if (!run.errno().ok()) {
        return -run.errno().number();
      }
      did(run, "asking for a conversion");
    }
    if (!asked) {
      ret = driver.convert(machine, base() + at, size, toPrivate);
    }
    if (ret >= 0 && toPrivate) {
      accept(at, size);
    }
    return ret;
  }

  long punch(long at, long size) {
    return driver.punch(machine, base() + at, size);
  }

  long preFault(long at, long size) {
    return bench
        .process()
        .preFaultMemory(machine.vcpuFds().getFirst(), 0, new long[] {base() + at, size});
  }

  long host(long at) {
    return machine.banks().getFirst().userAddressOf(base() + at);
  }

  /** Ends the VM: vCPUs, VM, guest_memfds and mappings, in the order of a VMM that exits. */
  void close() {
    if (gone) {
      return;
    }
    machine.vcpuFds().forEach(fd -> succeeds(bench.process().close(fd), "close(vcpu)"));
    succeeds(bench.process().close(machine.vmFd()), "close(vm)");
    closeMemory();
  }

  /** Ends the VM with its memory first. */
  void closeMemoryFirst() {
    closeMemory();
    gone = false;
    machine.vcpuFds().forEach(fd -> succeeds(bench.process().close(fd), "close(vcpu)"));
    succeeds(bench.process().close(machine.vmFd()), "close(vm)");
    gone = true;
  }

  private void closeMemory() {
    gone = true;
    for (VmmBank b : machine.banks()) {
      if (b.guestMemfd() >= 0) {
        succeeds(bench.process().close(b.guestMemfd()), "close(guest_memfd)");
      }
      succeeds(bench.process().munmap(b.userAddress(), b.size()), "munmap");
    }
  }

  static boolean leavesToHost(Exit exit) {
    return exit instanceof Exit.Hypercall
        || exit instanceof Exit.MemoryFault
        || (exit instanceof Exit.Vendor v && v.reason() > 0 && v.reason() != HLT);
  }

  /** Tells whether a load or store came to its end, rather than to a fault or an exit. */
  static boolean completed(RunResult run) {
    return run.errno().ok()
        && switch (run.exit()) {
          case Exit.Hlt _, Exit.Done _ -> true;
          case Exit.Vendor v -> v.reason() == HLT;
          default -> false;
        };
  }

  // An instruction's end may carry what it told the guest: a TDCALL's status, an SMCCC x0.
  static boolean acted(RunResult run) {
    return (completed(run) && value(run.exit()) <= 0)
        || (run.errno().ok()
            && run.exit() instanceof Exit.Vendor v
            && v.reason() < 0
            && v.fields().number("status", 0) == 0
            && v.fields().number("x0", 0) == 0);
  }

  static long value(Exit exit) {
    return switch (exit) {
      case Exit.Hlt h -> h.value();
      case Exit.Done d -> d.value();
      default -> -1;
    };
  }

  /** Private frames the core has mapped in a range, as gfn → pfn pairs. */
  List<long[]> mapped(long at, long size) {
    return java.util.stream.LongStream.range(gfn(at), gfn(at) + (size >>> PageLevel.PAGE_SHIFT))
        .filter(g -> context().mappedPfn(g, true) >= 0)
        .mapToObj(g -> new long[] {g, context().mappedPfn(g, true)})
        .toList();
  }
}
