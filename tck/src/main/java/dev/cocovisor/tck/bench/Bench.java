package dev.cocovisor.tck.bench;

import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.succeeds;

import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.tck.subject.JudgedBackend;
import dev.cocovisor.tck.witness.Witness;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.GuestLaunch;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A fresh host with the backend under test, seen through a {@link Witness}. Closing it ends every
 * VM and then holds the backend to what is true of each run: no hook threw, no lock was kept, no
 * invariant is broken, no VM died of a bug, every frame came back.
 */
public final class Bench implements AutoCloseable {
  /** 2 MiB. */
  public static final long HUGE = 2L << 20;

  /** 4 KiB. */
  public static final long PAGE = 4096;

  /** More tries of one page than any turn of others explains. */
  private static final String RETRIES = "50000";

  private final JudgedBackend subject;
  private final Witness witness;
  private final Kvm kvm;
  private final VmmCalls process;
  private final List<TestedGuest> guests = new ArrayList<>();
  private final Standing standing;
  private boolean failed;
  private boolean abandoned;

  Bench(JudgedBackend subject, Spectator spectator, boolean hugeFolios, long memoryFrames) {
    this.subject = subject;
    this.witness = new Witness(subject.backend());
    HostConfig config =
        HostConfig.DEFAULT
            .withArchitecture(subject.backend().info().architecture())
            .withMemoryFrames(memoryFrames)
            .withSetting("core.cpus", "4")
            .withSetting("core.retries", RETRIES)
            .withSetting("core.gmem-order", hugeFolios ? "9" : "0");
    for (Map.Entry<String, String> s : subject.settings().entrySet()) {
      config = config.withSetting(s.getKey(), s.getValue());
    }
    this.kvm = subject.hosts().boot(config, List.of(witness), spectator.host());
    this.process = spectator.calls(new KvmProcess(kvm));
    this.standing = new Standing(kvm);
  }

  public JudgedBackend subject() {
    return subject;
  }

  public Witness witness() {
    return witness;
  }

  /** Returns the calls of the host's VMM. */
  public VmmCalls process() {
    return process;
  }

  /** Creates a VM and nothing more. */
  public TestedGuest create() {
    Guest steps =
        new Guest(subject.technology(), process, GuestLaunch.DEFAULT.withPolicy(subject.launch()));
    TestedGuest guest = new TestedGuest(this, steps, witness.vms().size());
    guests.add(guest);
    var _ = succeeds(steps.create(), "KVM_CREATE_VM and the VMM's first calls");
    return guest;
  }

  /** Launches a VM that writes one page; false if a step is refused. */
  public boolean tryLaunch(long memory) {
    try {
      TestedGuest guest = launch(memory);
      guest.accept(0, PAGE).write(0, 1, false);
      return true;
    } catch (Claims.Refusal e) {
      return false;
    }
  }

  /** Ends all VMs. */
  public void closeAll() {
    guests.forEach(TestedGuest::close);
  }

  /** Takes all frames of the host but a few. */
  public Shortage shortage(int left) {
    return new Shortage(witness.host().memory(), left);
  }

  /** A time in which the host is short of frames. */
  public static final class Shortage implements AutoCloseable {
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
  public TestedGuest prepare(long memory) {
    return create().configure(subject.vcpus()).plug(memory).ready();
  }

  /** Launches a VM that runs. */
  public TestedGuest launch(long memory) {
    return prepare(memory).finish();
  }

  /** Frames in use on the host now. */
  public long frames() {
    return witness.host().memory().allocatedFrames();
  }

  /**
   * Claims that no guest faults for ever on a page that is mapped; asked after each of its steps.
   */
  void claimProgress() {
    standing.claimProgress();
  }

  /** Checks everything that is true between any two steps. */
  public void check() {
    List<String> broken = new ArrayList<>(witness.violations());
    witness.checkInvariants(broken::add);
    for (TestedGuest g : guests) {
      if (!g.gone() && !g.mortal() && g.context().isDead()) {
        broken.add("the VM died of a bug: " + bugOf(g.context().id()));
      }
    }
    claim(broken.isEmpty(), "broken: " + broken);
  }

  private @Nullable String bugOf(int id) {
    for (Vm vm : kvm.vms()) {
      if (vm.id() == id) {
        return vm.bugText();
      }
    }
    return null;
  }

  /** Tells the bench that its rule failed, so that closing adds nothing to the first failure. */
  public void failed() {
    failed = true;
  }

  /** Gives the host up as it is: nothing of it is closed or checked any more. */
  public void abandon() {
    abandoned = true;
  }

  @Override
  public void close() {
    if (abandoned) {
      return;
    }
    try (kvm) {
      if (failed) {
        return;
      }
      check();
      closeAll();
      check();
    }
  }
}
