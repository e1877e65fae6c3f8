package dev.cocovisor.tck;

import static dev.cocovisor.tck.Claims.claim;
import static dev.cocovisor.tck.Claims.succeeds;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.ArrayList;
import java.util.List;

/**
 * A fresh host with the backend under test, seen through a {@link Witness}. Closing it ends every
 * VM and then holds the backend to what is true of each run: no hook threw, no lock was kept, no
 * invariant is broken, no VM died of a bug, every frame came back.
 */
final class Bench implements AutoCloseable {
  /** 2 MiB. */
  static final long HUGE = 2L << 20;

  /** 4 KiB. */
  static final long PAGE = 4096;

  private final Subject subject;
  private final Witness witness;
  private final KvmProcess process;
  private final int dev;
  private final List<Guest> guests = new ArrayList<>();
  private boolean failed;

  Bench(Subject subject, boolean hugeFolios, long memoryFrames) {
    this.subject = subject;
    this.witness = new Witness(subject.backend());
    HostConfig config =
        HostConfig.DEFAULT
            .withArchitecture(subject.backend().info().architecture())
            .withMemoryFrames(memoryFrames)
            .withSetting("core.cpus", "4")
            .withSetting("core.gmem-order", hugeFolios ? "9" : "0");
    this.process = new KvmProcess(new Kvm(config, List.of(witness)));
    this.dev = (int) succeeds(process.openDevKvm(), "open(/dev/kvm)");
  }

  Subject subject() {
    return subject;
  }

  Witness witness() {
    return witness;
  }

  KvmProcess process() {
    return process;
  }

  VmmDriver driver() {
    return subject.driver();
  }

  /** Creates a VM and nothing more. */
  Guest create() {
    int vmFd = (int) succeeds(process.createVm(dev, driver().vmType()), "KVM_CREATE_VM");
    Guest guest =
        new Guest(this, new VmmMachine(process, vmFd, new Fields()), witness.vms().size() - 1);
    guests.add(guest);
    return guest.created();
  }

  /** Launches a VM that writes one page; false if a step is refused. */
  boolean tryLaunch(long memory) {
    try {
      Guest guest = launch(memory);
      guest.accept(0, PAGE).write(0, 1, false);
      return true;
    } catch (Claims.Refusal e) {
      return false;
    }
  }

  /** Ends all VMs. */
  void closeAll() {
    guests.forEach(Guest::close);
  }

  /** Takes all frames of the host but a few. */
  Shortage shortage(int left) {
    return new Shortage(witness.host().memory(), left);
  }

  /** A time in which the host is short of frames. */
  static final class Shortage implements AutoCloseable {
    private static final int LARGEST = 9;

    private final HostMemory memory;
    private final List<long[]> taken = new ArrayList<>();

    private Shortage(HostMemory memory, int left) {
      this.memory = memory;
      // What is left are pairs of frames: no technology asks for more in one piece.
      long[] pairs = new long[left / 2];
      for (int i = 0; i < pairs.length; i++) {
        pairs[i] = memory.allocate(1);
      }
      long single = memory.allocate(0);
      for (int order = LARGEST; order >= 0; order--) {
        for (long p = memory.allocate(order); p >= 0; p = memory.allocate(order)) {
          taken.add(new long[] {p, order});
        }
      }
      for (long pair : pairs) {
        memory.free(pair, 1);
      }
      if (left % 2 == 1) {
        memory.free(single, 0);
      } else {
        taken.add(new long[] {single, 0});
      }
    }

    @Override
    public void close() {
      taken.forEach(b -> memory.free(b[0], (int) b[1]));
    }
  }

  /** Creates a VM up to the point where its launch can be populated. */
  Guest prepare(long memory) {
    return create().configure(1).plug(memory).ready();
  }

  /** Launches a VM that runs. */
  Guest launch(long memory) {
    return prepare(memory).finish();
  }

  /** Frames in use on the host now. */
  long frames() {
    return witness.host().memory().allocatedFrames();
  }

  /** Checks everything that is true between any two steps. */
  void check() {
    List<String> broken = new ArrayList<>(witness.violations());
    witness.checkInvariants(broken::add);
    for (Guest g : guests) {
      if (!g.gone() && !g.mortal() && g.context().isDead()) {
        broken.add("the VM died of a bug: " + g.context());
      }
    }
    claim(broken.isEmpty(), "broken: " + broken);
  }

  /** Tells the bench that its rule failed, so that closing adds nothing to the first failure. */
  void failed() {
    failed = true;
  }

  @Override
  public void close() {
    if (failed) {
      return;
    }
    check();
    closeAll();
    check();
  }
}
