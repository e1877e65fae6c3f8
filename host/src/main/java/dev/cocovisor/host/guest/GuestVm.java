package dev.cocovisor.host.guest;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.KvmException;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.vmm.VmmBank;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.vm.Vm;
import java.util.ArrayList;
import java.util.List;

/**
 * A guest and its VMM. Places are bytes from where RAM begins.
 *
 * <p>Calls that the model refuses throw {@link KvmException} with the errno; {@link #calls} are the
 * raw system calls, for those who want to see it returned.
 */
public final class GuestVm implements AutoCloseable {
  private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
  private static final int PROT_READ_WRITE = 3;

  private final VmmMachine machine;
  private final VmmDriver driver;
  private final Vm vm;
  private final List<GuestVcpu> vcpus = new ArrayList<>();
  private boolean closed;

  GuestVm(VmmMachine machine, VmmDriver driver, KvmProcess process) {
    this.machine = machine;
    this.driver = driver;
    Vm made = process.vm(machine.vmFd());
    if (made == null) {
      throw new IllegalArgumentException("the calls are not of the process given");
    }
    this.vm = made;
    for (int i = 0; i < machine.vcpuFds().size(); i++) {
      vcpus.add(new GuestVcpu(machine, driver, i));
    }
  }

  static long ok(long ret, String call) {
    if (ret < 0) {
      throw new KvmException(Errno.of((int) -ret), call);
    }
    return ret;
  }

  /** Returns the technology's id. */
  public String backend() {
    return driver.backend();
  }

  /** Returns what the VMM knows of the guest: descriptors and RAM. */
  public VmmMachine machine() {
    return machine;
  }

  /** Returns the VMM's system calls. */
  public VmmCalls calls() {
    return machine.calls();
  }

  /** Returns what the host's kernel knows of the guest, for inspection. */
  public Vm kernel() {
    return vm;
  }

  /** Returns the vCPUs. */
  public List<GuestVcpu> vcpus() {
    return List.copyOf(vcpus);
  }

  /**
   * Returns a vCPU.
   *
   * @param index from 0
   */
  public GuestVcpu vcpu(int index) {
    return vcpus.get(index);
  }

  /**
   * Puts measured contents into private memory before the guest runs: every page of the range holds
   * {@code value} in its first byte. A software-protected guest has no way to get contents in: its
   * pages are faulted in and stay zero.
   */
  public GuestVm populate(long at, long size, int value) {
    return populate(at, size, value, true);
  }

  /** As {@link #populate(long, long, int)}, measured or not. */
  public GuestVm populate(long at, long size, int value, boolean measured) {
    long source =
        ok(
            calls().mmap(0, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0),
            "mmap of the initial contents");
    for (long p = 0; p < size; p += PageLevel.PAGE_SIZE) {
      ok(calls().hostWrite(source + p, value & 0xff), "a store to the initial contents");
    }
    ok(driver.populate(machine, driver.ramBase() + at, size, source, measured), "populating");
    ok(calls().munmap(source, size), "munmap of the initial contents");
    return this;
  }

  /** Ends the launch: the guest may run from here on. */
  public GuestVm finish() {
    ok(driver.finalizeLaunch(machine), "the end of the launch");
    return this;
  }

  /**
   * Faults a range in (KVM_PRE_FAULT_MEMORY).
   *
   * @return the bytes that were not mapped; 0 when done
   */
  public long prefault(long at, long size) {
    long[] range = {driver.ramBase() + at, size};
    ok(calls().preFaultMemory(vcpu(0).fd(), 0, range), "KVM_PRE_FAULT_MEMORY");
    return range[1];
  }

  /** Converts a range without asking the guest. */
  public void hostConverts(long at, long size, boolean toPrivate) {
    ok(
        driver.convert(machine, driver.ramBase() + at, size, toPrivate),
        "the host's part of a conversion");
  }

  /** Takes private pages away: a hole in the guest_memfd. */
  public void punch(long at, long size) {
    ok(driver.punch(machine, driver.ramBase() + at, size), "punching a hole");
  }

  /** Loads a byte as the VMM; 0 to 255, or a negative errno: -7 for SIGBUS, -11 for SIGSEGV. */
  public long hostRead(long at) {
    return calls().hostRead(userAddress(at));
  }

  /** Stores a byte as the VMM; 0, or as {@link #hostRead}. */
  public long hostWrite(long at, int value) {
    return calls().hostWrite(userAddress(at), value & 0xff);
  }

  /** Returns where the VMM has a place of guest memory mapped. */
  public long userAddress(long at) {
    long gpa = driver.ramBase() + at;
    VmmBank bank = machine.bankOf(gpa, 1);
    if (bank == null) {
      throw new IllegalArgumentException("no RAM at 0x" + Long.toHexString(at));
    }
    return bank.userAddressOf(gpa);
  }

  /** Returns the guest frame number of a place. */
  public long gfn(long at) {
    return (driver.ramBase() + at) >>> PageLevel.PAGE_SHIFT;
  }

  /** Ends the guest: vCPUs, VM, memory, in the order of a VMM that exits. Twice is once. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    for (int fd : machine.vcpuFds()) {
      ok(calls().close(fd), "close of a vCPU");
    }
    ok(calls().close(machine.vmFd()), "close of the VM");
    for (VmmBank b : machine.banks()) {
      if (b.guestMemfd() >= 0) {
        ok(calls().close(b.guestMemfd()), "close of a guest_memfd");
      }
      ok(calls().munmap(b.userAddress(), b.size()), "munmap of RAM");
    }
  }
}
