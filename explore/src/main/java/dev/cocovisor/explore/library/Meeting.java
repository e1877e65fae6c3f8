package dev.cocovisor.explore.library;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.VmmBank;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.explore.HostTrial;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.GuestLaunch;
import dev.cocovisor.vmm.Outcome;
import dev.cocovisor.vmm.Technology;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A host of its own with one VM, and operations that meet on it: all touch one private page, or one
 * slot of the VMM's ordinary memory. What state these are in before follows from the operations.
 */
public final class Meeting extends HostTrial {
  /** Where the private page lies, in bytes from where RAM begins. */
  static final long PAGE = 0x3000;

  private static final long MEMORY = 0x40_0000;

  /** Where the plain slot lies. */
  static final long PLAIN = 0x100_0000;

  /** Where the plain slot moves to. */
  static final long PLAIN_MOVED = 0x200_0000;

  /** Bytes of the plain slot. */
  static final long PLAIN_SIZE = 0x20_0000;

  /** The plain slot's number. */
  static final int PLAIN_SLOT = 40;

  /** What {@link #take} says when the guest may use the page. */
  static final String TAKEN = "taken";

  private static final int NEW_SLOT = 41;
  private static final HostConfig HOST =
      HostConfig.DEFAULT.withMemoryFrames(1 << 15).withSetting("core.thp", "never");

  private final KvmProcess process;
  private final Guest guest;
  private final long plainUser;
  private final boolean plain;
  private final VmmMachine machine;
  private final int vmFd;
  private final List<Integer> vcpuFds;
  private final @Nullable VmmBank bank;
  private final List<Part> parts = new ArrayList<>();

  /**
   * Launches a guest and lets operations stand ready.
   *
   * @throws IllegalStateException if the technology's launch fails
   */
  Meeting(Technology technology, List<Operation> operations) {
    super(
        new Kvm(
            hostOf(technology),
            technology.backend() == null ? List.of() : List.of(technology.backend())));
    process = new KvmProcess(host());
    guest = new Guest(technology, process, GuestLaunch.DEFAULT.withMemory(MEMORY).withVcpus(2));
    succeeds("launch", guest.launch());
    machine = guest.machine();
    vmFd = machine.vmFd();
    vcpuFds = List.copyOf(machine.vcpuFds());
    bank = machine.bankOf(guest.gpa(PAGE), 1);
    plain = any(operations, Operation.Trait.PLAIN);
    plainUser = process.mmap(0, PLAIN_SIZE, 3, 0x22, -1, 0);
    if (plain) {
      succeeds("a slot", setPlainSlot(0, PLAIN, PLAIN_SIZE));
      if (any(operations, Operation.Trait.LOGGED)) {
        // Where private memory cannot be logged this is refused, and so is reading the log.
        var _ = setPlainSlot(1, PLAIN, PLAIN_SIZE);
      }
    }
    if (!any(operations, Operation.Trait.LAUNCH)) {
      Outcome finished = guest.finish();
      if (!finished.done()) {
        throw new IllegalStateException("the launch does not end: " + finished);
      }
      prepare(operations);
    }
    for (Operation o : operations) {
      String name = (parts.isEmpty() ? "a: " : parts.size() == 1 ? "b: " : "c: ") + o.text();
      parts.add(new Part(name, o.calls(this)));
    }
  }

  private static HostConfig hostOf(Technology technology) {
    return HOST.withArchitecture(technology.architecture());
  }

  private void prepare(List<Operation> operations) {
    if (any(operations, Operation.Trait.FROM_SHARED)
        && !operations.contains(Operation.CONVERT_TO_SHARED)) {
      var _ = guest.hostConvert(PAGE, PageLevel.PAGE_SIZE, false);
    } else if (!any(operations, Operation.Trait.MAPS) && !plain) {
      var _ = touch(0);
    }
    if (any(operations, Operation.Trait.LOGGED) && !any(operations, Operation.Trait.MAPS)) {
      var _ = touch(0);
    }
  }

  private static boolean any(List<Operation> operations, Operation.Trait trait) {
    for (Operation o : operations) {
      if (o.is(trait)) {
        return true;
      }
    }
    return false;
  }

  private static void succeeds(String what, long ret) {
    if (ret < 0) {
      throw new IllegalStateException(what + " failed: " + ret);
    }
  }

  /** Returns the guest. */
  Guest guest() {
    return guest;
  }

  /** Returns the VMM's process. */
  KvmProcess process() {
    return process;
  }

  /** Returns the VM's descriptor, as it was when all began. */
  int vmFd() {
    return vmFd;
  }

  /** Returns a vCPU's descriptor, as it was when all began. */
  int vcpuFd(int vcpu) {
    return vcpuFds.get(vcpu);
  }

  /** Returns the private memory's descriptor, or -1. */
  int memfd() {
    return bank == null ? -1 : bank.guestMemfd();
  }

  /** Returns the address of the plain slot's memory. */
  long plainUser() {
    return plainUser;
  }

  /** Returns where the page lies that operations about either memory mean. */
  long at() {
    return plain ? PLAIN : PAGE;
  }

  /** The guest takes the page into use, where it must, and writes it. */
  String touch(int vcpu) {
    return take(vcpu) + ", " + write(vcpu);
  }

  /** The guest takes the page into use, where it must. */
  String take(int vcpu) {
    if (plain) {
      return TAKEN;
    }
    List<GuestAction> actions =
        driver().accept(machine, guest.gpa(PAGE), PageLevel.PAGE_SIZE, PageLevel.PG_4K);
    for (GuestAction action : actions) {
      Outcome.Told told = act(vcpu, action);
      if (!told.done()) {
        return told.toString();
      }
    }
    return TAKEN;
  }

  /** The guest writes the page. */
  String write(int vcpu) {
    long address = driver().guestAddress(machine, guest.gpa(at()), plain);
    return act(vcpu, new GuestAction.Write(address, 7, GuestAction.NO_CODE, !plain)).toString();
  }

  /** As a thread of the VMM that knows the vCPU as it was. */
  private Outcome.Told act(int vcpu, GuestAction action) {
    RunResult run = process.guestRun(vcpuFds.get(vcpu), action);
    return new Outcome.Told(vcpu, action, run, driver().judge(action, run));
  }

  long prefault() {
    long[] range = {guest.gpa(at()), PageLevel.PAGE_SIZE};
    return process.preFaultMemory(vcpuFds.getFirst(), 0, range);
  }

  long convert(boolean toPrivate) {
    return driver().convert(machine, guest.gpa(PAGE), PageLevel.PAGE_SIZE, toPrivate);
  }

  long punch() {
    return driver().punch(machine, guest.gpa(PAGE), PageLevel.PAGE_SIZE);
  }

  long createSlot() {
    return process.setUserMemoryRegion(
        vmFd, NEW_SLOT, 0, guest.gpa(PLAIN_MOVED + PLAIN_SIZE), PLAIN_SIZE, plainUser);
  }

  long deleteSlot() {
    if (plain) {
      return setPlainSlot(0, PLAIN, 0);
    }
    VmmBank b = Objects.requireNonNull(bank);
    return b.guestMemfd() < 0
        ? process.setUserMemoryRegion(vmFd, b.slot(), 0, b.gpa(), 0, b.userAddress())
        : process.setUserMemoryRegion2(
            vmFd, b.slot(), 4, b.gpa(), 0, b.userAddress(), 0, b.guestMemfd());
  }

  long setPlainSlot(int flags, long at, long size) {
    return process.setUserMemoryRegion(vmFd, PLAIN_SLOT, flags, guest.gpa(at), size, plainUser);
  }

  /** As a thread of the VMM that knows the VM as it was: a reboot makes another. */
  long populate(boolean measured) {
    long source = guest.source(PageLevel.PAGE_SIZE, 5);
    if (source < 0) {
      return source;
    }
    long ret = driver().populate(machine, guest.gpa(PAGE), PageLevel.PAGE_SIZE, source, measured);
    var _ = process.munmap(source, PageLevel.PAGE_SIZE);
    return ret;
  }

  long finish() {
    return driver().finalizeLaunch(machine);
  }

  private VmmDriver driver() {
    return guest.technology().driver();
  }

  @Override
  public List<Part> parts() {
    return parts;
  }

  @Override
  public void close() {
    host().close();
  }
}
