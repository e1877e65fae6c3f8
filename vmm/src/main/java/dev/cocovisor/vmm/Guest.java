package dev.cocovisor.vmm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.api.vmm.VmmBank;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A guest and its VMM, step by step, whatever its technology.
 *
 * <p>A step of the VMM's answers as its last system call did: {@code >= 0} or {@code -errno}. A
 * step of the guest's answers with what the guest was told ({@link Outcome.Told}), as the
 * technology's {@link VmmDriver#judge} reads it; no other judge is asked. Places ({@code at}) are
 * bytes from where RAM begins, sizes are bytes. Nothing throws but for what no VMM could do: a vCPU
 * that the guest does not have.
 *
 * <p>A guest lives from {@link #launch} to {@link #close}; on one that is gone the calls answer
 * EBADF, as those of a process that closed its descriptors.
 */
public final class Guest {
  private static final long GONE = -Errno.EBADF.number();

  /** A VMM populates larger ranges part by part, so that what it copies from stays small. */
  private static final long PART = 64L << 20;

  /** A VMM asks for larger ranges part by part, so that a signal finds it between two calls. */
  private static final long PREFAULT_PART = 1L << 30;

  private final Technology technology;
  private final VmmDriver driver;
  private final VmmCalls calls;
  private final GuestLaunch launch;
  private @Nullable VmmMachine machine;
  private @Nullable GuestRam ram;
  private boolean live;
  private final LongWork work = new LongWork();

  /**
   * A guest that is not launched yet.
   *
   * @param calls the system calls of its VMM's process
   */
  public Guest(Technology technology, VmmCalls calls, GuestLaunch launch) {
    this.technology = technology;
    this.driver = technology.driver();
    this.calls = calls;
    this.launch = launch;
  }

  /** Returns what kind of guest it is. */
  public Technology technology() {
    return technology;
  }

  /** Returns what it was asked to have. */
  public GuestLaunch asked() {
    return launch;
  }

  /** Returns the VMM's system calls. */
  public VmmCalls calls() {
    return calls;
  }

  /**
   * Returns what the VMM knows of the VM: descriptors and RAM. A reboot may make another VM.
   *
   * @throws IllegalStateException if it never was created
   */
  public VmmMachine machine() {
    VmmMachine m = machine;
    if (m == null) {
      throw new IllegalStateException("the guest was never launched");
    }
    return m;
  }

  private GuestRam ram() {
    GuestRam r = ram;
    if (r == null) {
      throw new IllegalStateException("the guest was never launched");
    }
    return r;
  }

  /** Tells whether the VM was created and not closed since. */
  public boolean live() {
    return live;
  }

  /** Returns how far the step has come that is under way, if it is one over a range. */
  public LongWork work() {
    return work;
  }

  // The launch.

  /**
   * Launches the guest up to where its memory can be populated. Where a call fails, everything is
   * closed again.
   *
   * @return the error of the call that failed, or at least 0
   */
  public long launch() {
    long ret = create();
    if (ret >= 0) {
      ret = addVcpus(launch.vcpus());
    }
    if (ret >= 0) {
      Guest from = launch.from();
      ret = from == null ? plug(0, launch.memory(), launch.huge()) : plugMemoryOf(from);
    }
    if (ret >= 0) {
      ret = ready();
    }
    if (ret < 0) {
      var _ = close();
    }
    return ret;
  }

  /** KVM_CREATE_VM and the VMM's first calls; the first part of {@link #launch}. */
  public long create() {
    long dev = calls.openDevKvm();
    if (dev < 0) {
      return dev;
    }
    long vmFd = calls.createVm((int) dev, driver.vmType());
    var _ = calls.close((int) dev);
    if (vmFd < 0) {
      return vmFd;
    }
    VmmMachine m = new VmmMachine(calls, (int) vmFd, launch.policy());
    machine = m;
    ram = new GuestRam(m, driver);
    live = true;
    return driver.vmCreated(m);
  }

  /** Adds vCPUs, with the ids that follow those there are; the second part of {@link #launch}. */
  public long addVcpus(long count) {
    if (!live) {
      return GONE;
    }
    VmmMachine m = machine();
    long ret = 0;
    for (long i = 0; ret >= 0 && i < count; i++) {
      ret = calls.createVcpu(m.vmFd(), m.vcpuFds().size());
      if (ret >= 0) {
        m.vcpuFds().add((int) ret);
      }
    }
    return ret;
  }

  /** The VMM's calls once vCPUs and RAM are there; the last part of {@link #launch}. */
  public long ready() {
    if (!live) {
      return GONE;
    }
    return driver.ready(machine());
  }

  /**
   * Puts contents into private memory: every page of the range holds {@code value} in its first
   * byte.
   *
   * @param measured whether they go into the launch measurement
   */
  public long populate(long at, long size, int value, boolean measured) {
    if (!live) {
      return GONE;
    }
    boolean parts = size > PART && machine().bankOf(gpa(at), size) != null;
    work.begin(size);
    long ret = 0;
    long done = 0;
    do {
      long part = parts ? Math.min(PART, size - done) : size;
      ret = populatePart(at + done, part, value, measured);
      done += part;
      work.at(done);
    } while (ret >= 0 && parts && done < size);
    work.end();
    return ret;
  }

  private long populatePart(long at, long size, int value, boolean measured) {
    // Where there is no RAM for all of it, the call fails before it reads so far.
    long source = source(size, Math.min(size, PART), value);
    if (source < 0) {
      return source;
    }
    long ret = populateFrom(at, size, source, measured);
    var _ = calls.munmap(source, size);
    return ret;
  }

  /** As {@link #populate}, from memory that the VMM has mapped at {@code source}. */
  public long populateFrom(long at, long size, long source, boolean measured) {
    if (!live) {
      return GONE;
    }
    return driver.populate(machine(), gpa(at), size, source, measured);
  }

  /**
   * Maps pages of the VMM's that hold {@code value} in their first bytes; pages of zeros are left
   * untouched.
   *
   * @return the address or -errno
   */
  public long source(long size, int value) {
    return source(size, size, value);
  }

  private long source(long size, long filled, int value) {
    long source = GuestRam.map(calls, size, false);
    for (long p = 0; source >= 0 && (value & 0xff) != 0 && p < filled; p += PageLevel.PAGE_SIZE) {
      if (calls.hostWrite(source + p, value & 0xff) < 0) {
        // SIGBUS: there was no memory for the page.
        var _ = calls.munmap(source, size);
        return -Errno.ENOMEM.number();
      }
    }
    return source;
  }

  /** Ends the launch, and starts the vCPUs that wait for the first one. */
  public Outcome finish() {
    if (!live) {
      return new Outcome.Answered(GONE);
    }
    VmmMachine m = machine();
    long ret = driver.finalizeLaunch(m);
    for (int v = 1; ret >= 0 && v < m.vcpuFds().size(); v++) {
      for (GuestAction action : driver.startVcpu(m, v)) {
        Outcome.Told told = act(0, action);
        if (!told.done()) {
          return told;
        }
      }
    }
    return new Outcome.Answered(ret);
  }

  // RAM.

  /** Plugs RAM at a place; backed by a guest_memfd where the technology uses one. */
  public long plug(long at, long size, boolean huge) {
    if (!live) {
      return GONE;
    }
    return ram().plug(gpa(at), size, huge);
  }

  /** Plugs, where RAM begins, the very memory another guest has: its guest_memfd and mapping. */
  public long plugMemoryOf(Guest other) {
    if (!live) {
      return GONE;
    }
    return ram().plugOf(other.ram());
  }

  /** Returns where the last piece of RAM ends. */
  public long end() {
    return machine().banks().stream()
        .mapToLong(b -> b.gpa() + b.size() - driver.ramBase())
        .max()
        .orElse(0);
  }

  /** Unplugs the piece of RAM that holds a place; EINVAL if there is none. */
  public long unplug(long at) {
    if (!live) {
      return GONE;
    }
    VmmBank bank = machine().bankOf(gpa(at), 1);
    return bank == null ? -Errno.EINVAL.number() : ram().unplug(bank);
  }

  /** Moves the piece of RAM that holds a place to begin at another; EINVAL if there is none. */
  public long move(long at, long to) {
    if (!live) {
      return GONE;
    }
    VmmBank bank = machine().bankOf(gpa(at), 1);
    return bank == null ? -Errno.EINVAL.number() : ram().move(bank, gpa(to));
  }

  /** Gives private pages back to the host. */
  public long punch(long at, long size) {
    if (!live || ram().closed()) {
      return GONE;
    }
    return driver.punch(machine(), gpa(at), size);
  }

  /** Converts a range without asking the guest. */
  public long hostConvert(long at, long size, boolean toPrivate) {
    if (!live) {
      return GONE;
    }
    return driver.convert(machine(), gpa(at), size, toPrivate);
  }

  /**
   * Holds pages of the VMM's mapping, as a device or another process would; until {@link #unpin}.
   *
   * @return the bytes held, or EFAULT where the first page cannot be had
   */
  public long pin(long at, long size) {
    VmmBank bank = live ? machine().bankOf(gpa(at), size) : null;
    return bank == null
        ? live ? -Errno.EINVAL.number() : GONE
        : calls.spliceIntoPipe(bank.userAddressOf(gpa(at)), size);
  }

  /** Lets go of every page that {@link #pin} holds. */
  public long unpin() {
    return calls.closePipe();
  }

  /**
   * What KVM_PRE_FAULT_MEMORY answered.
   *
   * @param ret 0 or -errno
   * @param at where the part begins that was not done
   * @param size its bytes; 0 when all was
   * @param neverReturns whether the call would have gone on for ever, but for the signal that EINTR
   *     stands for
   */
  public record Prefaulted(long ret, long at, long size, boolean neverReturns) {}

  /** Maps a range before the guest asks for it (KVM_PRE_FAULT_MEMORY). */
  public Prefaulted prefault(int vcpu, long at, long size) {
    if (!live) {
      return new Prefaulted(GONE, at, size, false);
    }
    boolean parts = size > PREFAULT_PART && gpa(at) >= 0 && gpa(at) + size > 0;
    work.begin(size);
    long end = at + size;
    long from = at;
    while (true) {
      long part = parts ? Math.min(PREFAULT_PART, end - from) : end - from;
      long[] range = {gpa(from), part};
      long ret = calls.preFaultMemory(vcpuFd(vcpu), 0, range);
      from = range[0] - driver.ramBase();
      work.at(from - at);
      boolean stuck = calls.preFaultNeverReturned(vcpuFd(vcpu));
      if (ret < 0 || stuck || range[1] != 0 || from >= end || !parts) {
        work.end();
        return new Prefaulted(ret, from, parts ? end - from : range[1], stuck);
      }
    }
  }

  // What the guest does.

  /** Makes one KVM_RUN in which the guest does {@code action}, and judges how it ended. */
  public Outcome.Told act(int vcpu, GuestAction action) {
    RunResult run =
        live
            ? calls.guestRun(vcpuFd(vcpu), action)
            : new RunResult(Errno.EBADF, new Exit.Unknown());
    return new Outcome.Told(vcpu, action, run, driver.judge(action, run));
  }

  /** The guest loads a byte by its private or its shared view. */
  public Outcome.Told read(int vcpu, long at, boolean shared) {
    return act(vcpu, new GuestAction.Read(address(at, shared), GuestAction.NO_CODE, !shared));
  }

  /** The guest stores a byte; as {@link #read}. */
  public Outcome.Told write(int vcpu, long at, int value, boolean shared) {
    return act(
        vcpu,
        new GuestAction.Write(address(at, shared), value & 0xff, GuestAction.NO_CODE, !shared));
  }

  /** The guest fetches an instruction; as {@link #read}. */
  public Outcome.Told fetch(int vcpu, long at, boolean shared) {
    return act(vcpu, new GuestAction.Fetch(address(at, shared), !shared));
  }

  /** The guest takes a private range into use in pages of a size; ends at the first refusal. */
  public Outcome accept(int vcpu, long at, long size, PageLevel level) {
    if (!live) {
      return new Outcome.Answered(GONE);
    }
    List<GuestAction> actions = driver.accept(machine(), gpa(at), size, level);
    work.begin(size);
    long done = 0;
    long share = Math.max(1, actions.isEmpty() ? size : size / actions.size());
    for (GuestAction action : actions) {
      Outcome.Told told = act(vcpu, action);
      if (!told.done()) {
        work.end();
        return told;
      }
      done += share;
      work.at(done);
    }
    work.end();
    return new Outcome.Answered(0);
  }

  /**
   * Memory changes sides because the guest wants it: the guest asks, the host converts, and what
   * became private is accepted page by page. A guest that asks nobody but its trusted half leaves
   * its host without a part in it.
   */
  public Outcome convert(int vcpu, long at, long size, boolean toPrivate) {
    if (!live) {
      return new Outcome.Answered(GONE);
    }
    VmmMachine m = machine();
    List<GuestAction> actions = driver.askConversion(m, gpa(at), size, toPrivate);
    for (GuestAction action : actions) {
      Outcome.Told told = act(vcpu, action);
      if (told.answer() instanceof GuestAnswer.AsksHost(Exit asked)) {
        long ret = hostConvert(at, size, toPrivate);
        if (ret < 0) {
          return new Outcome.Answered(ret);
        }
        GuestAction next = driver.resume(m, asked, 0);
        if (next == null) {
          continue; // nobody waits: the guest finds its memory converted at its next entry
        }
        told = act(vcpu, next);
      }
      if (!told.done()) {
        return told;
      }
    }
    long ret = actions.isEmpty() ? hostConvert(at, size, toPrivate) : 0;
    if (ret < 0) {
      return new Outcome.Answered(ret);
    }
    return toPrivate ? accept(vcpu, at, size, PageLevel.PG_4K) : new Outcome.Answered(0);
  }

  // What the host sees, for as long as the memory is open.

  /**
   * Loads a byte as the VMM does: 0 to 255, -7 for SIGBUS, -11 for SIGSEGV, -14 (EFAULT) where
   * there is no RAM, -9 (EBADF) once the memory is closed.
   */
  public long hostRead(long at) {
    long user = mapped(at, 1);
    return user < 0 ? user : calls.hostRead(user);
  }

  /** Stores a byte as the VMM does: 0, or as {@link #hostRead}. */
  public long hostWrite(long at, int value) {
    long user = mapped(at, 1);
    return user < 0 ? user : calls.hostWrite(user, value & 0xff);
  }

  /**
   * Lets the kernel read the VMM's mapping, as write(2) to a pipe does; or as {@link #hostRead}.
   */
  public long kernelRead(long at, long size) {
    long user = mapped(at, size);
    return user < 0 ? user : calls.kernelRead(user, size);
  }

  private long mapped(long at, long size) {
    if (ram().closed()) {
      return GONE;
    }
    VmmBank bank = machine().bankOf(gpa(at), size);
    return bank == null ? -Errno.EFAULT.number() : bank.userAddressOf(gpa(at));
  }

  // Names of places.

  /** Returns the guest-physical address of a place. */
  public long gpa(long at) {
    return driver.ramBase() + at;
  }

  /** Returns the guest frame number of a place. */
  public long gfn(long at) {
    return gpa(at) >>> PageLevel.PAGE_SHIFT;
  }

  /** Returns the address by which the guest reaches a place. */
  public long address(long at, boolean shared) {
    return driver.guestAddress(machine(), gpa(at), shared);
  }

  /**
   * Returns where the VMM has a place mapped.
   *
   * @throws IllegalArgumentException if there is no RAM
   */
  public long userAddress(long at) {
    VmmBank bank = machine().bankOf(gpa(at), 1);
    if (bank == null) {
      throw new IllegalArgumentException("no RAM at 0x" + Long.toHexString(at));
    }
    return bank.userAddressOf(gpa(at));
  }

  /**
   * Returns a vCPU's descriptor.
   *
   * @throws IllegalArgumentException if the guest has no such vCPU
   */
  public int vcpuFd(int vcpu) {
    List<Integer> fds = machine().vcpuFds();
    if (vcpu < 0 || vcpu >= fds.size()) {
      throw new IllegalArgumentException(
          "the guest has no vCPU " + vcpu + ", it has " + fds.size());
    }
    return fds.get(vcpu);
  }

  // The end.

  /**
   * Boots again. Where the technology has no way to do that with the VM there is, the VM and its
   * memory end and another one is launched as the first was: keys and measurement die with a VM.
   */
  public long reboot() {
    if (!live) {
      return GONE;
    }
    long ret = driver.reboot(machine());
    if (ret != -Errno.EOPNOTSUPP.number()) {
      return ret;
    }
    ret = close();
    return ret < 0 ? ret : launch();
  }

  /** Ends the guest: vCPUs, VM, memory, in the order of a VMM that exits. Twice is once. */
  public long close() {
    long ret = closeKeepingMemory();
    GuestRam r = ram;
    if (r != null) {
      // Memory that was closed before needs no closing.
      var _ = r.close();
    }
    return ret;
  }

  /** Ends the guest but keeps its memory open: its guest_memfds and mappings. Twice is once. */
  public long closeKeepingMemory() {
    VmmMachine m = machine;
    if (m == null || !live) {
      return 0;
    }
    live = false;
    long ret = 0;
    for (int fd : m.vcpuFds()) {
      ret = Math.min(ret, calls.close(fd));
    }
    return Math.min(ret, calls.close(m.vmFd()));
  }

  /** Closes the guest's memory, whether the guest lives or not; EBADF the second time. */
  public long closeMemory() {
    return ram().close();
  }
}
