package dev.cocovisor.vmm.checked;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.KvmException;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.Outcome;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A guest and its VMM. Places are bytes from where RAM begins.
 *
 * <p>Calls that the model refuses throw {@link KvmException} with the errno; {@link #calls} are the
 * raw system calls and {@link #guest} the steps that return, for those who want to see it returned.
 */
public final class GuestVm implements AutoCloseable {
  private final Guest guest;
  private final KvmProcess process;

  private GuestVm(Guest guest, KvmProcess process) {
    this.guest = guest;
    this.process = process;
  }

  /**
   * Launches a guest up to where its memory can be populated.
   *
   * @param guest one that is not launched
   * @param process the VMM's process, whose calls the guest makes
   * @throws KvmException if a call fails
   */
  public static GuestVm launch(Guest guest, KvmProcess process) {
    ok(guest.launch(), "the launch of a " + guest.technology().id() + " guest");
    return new GuestVm(guest, process);
  }

  private static long ok(long ret, String call) {
    if (ret < 0) {
      throw new KvmException(Errno.of((int) -ret), call);
    }
    return ret;
  }

  static void done(Outcome outcome, String call) {
    switch (outcome) {
      case Outcome.Answered a -> ok(a.ret(), call);
      case Outcome.Told t -> {
        if (!t.done()) {
          throw new GuestStopped(t);
        }
      }
    }
  }

  /** Returns the steps that return instead of throwing. */
  public Guest guest() {
    return guest;
  }

  /** Returns the technology's id. */
  public String backend() {
    return guest.technology().id();
  }

  /** Returns what the VMM knows of the guest: descriptors and RAM. */
  public VmmMachine machine() {
    return guest.machine();
  }

  /** Returns the VMM's system calls. */
  public VmmCalls calls() {
    return guest.calls();
  }

  /**
   * Returns what the host's kernel knows of the guest, for inspection.
   *
   * @throws IllegalStateException if the guest is closed, or its calls are not its process's
   */
  public Vm kernel() {
    Vm vm = process.vm(guest.machine().vmFd());
    if (vm == null) {
      throw new IllegalStateException("the process has no such VM");
    }
    return vm;
  }

  /** Returns the vCPUs. */
  public List<GuestVcpu> vcpus() {
    return IntStream.range(0, guest.machine().vcpuFds().size()).mapToObj(this::vcpu).toList();
  }

  /**
   * Returns a vCPU.
   *
   * @param index from 0
   */
  public GuestVcpu vcpu(int index) {
    var _ = guest.vcpuFd(index);
    return new GuestVcpu(guest, index);
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
    ok(guest.populate(at, size, value, measured), "populating");
    return this;
  }

  /** Ends the launch: the guest may run from here on. */
  public GuestVm finish() {
    done(guest.finish(), "the end of the launch");
    return this;
  }

  /**
   * Faults a range in (KVM_PRE_FAULT_MEMORY).
   *
   * @return the bytes that were not mapped; 0 when done
   */
  public long prefault(long at, long size) {
    Guest.Prefaulted p = guest.prefault(0, at, size);
    ok(p.ret(), "KVM_PRE_FAULT_MEMORY");
    return p.size();
  }

  /** Converts a range without asking the guest. */
  public void hostConverts(long at, long size, boolean toPrivate) {
    ok(guest.hostConvert(at, size, toPrivate), "the host's part of a conversion");
  }

  /** Takes private pages away: a hole in the guest_memfd. */
  public void punch(long at, long size) {
    ok(guest.punch(at, size), "punching a hole");
  }

  /** Boots again; as {@link Guest#reboot}. */
  public void reboot() {
    ok(guest.reboot(), "the reboot");
  }

  /** Loads a byte as the VMM; as {@link Guest#hostRead}. */
  public long hostRead(long at) {
    return guest.hostRead(at);
  }

  /** Stores a byte as the VMM; as {@link Guest#hostWrite}. */
  public long hostWrite(long at, int value) {
    return guest.hostWrite(at, value);
  }

  /** Returns where the VMM has a place of guest memory mapped. */
  public long userAddress(long at) {
    return guest.userAddress(at);
  }

  /** Returns the guest frame number of a place. */
  public long gfn(long at) {
    return guest.gfn(at);
  }

  /** Ends the guest: vCPUs, VM, memory, in the order of a VMM that exits. Twice is once. */
  @Override
  public void close() {
    ok(guest.close(), "the end of the guest");
  }
}
