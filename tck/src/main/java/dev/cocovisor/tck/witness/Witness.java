package dev.cocovisor.tck.witness;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.ForwardingBackend;
import dev.cocovisor.api.ForwardingPlatform;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.sched.Actor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Stands between the core and the backend under test and sees everything that passes: which hooks
 * are called with which answers, whether they throw, and whether they give back the locks they
 * took. What no backend may ever do is noted as a violation and fails whatever rule is running.
 */
public final class Witness extends ForwardingBackend {
  private final Queue<HookCall> calls = new ConcurrentLinkedQueue<>();
  private final Queue<String> violations = new ConcurrentLinkedQueue<>();
  private final List<WitnessOps> vms = new ArrayList<>();
  private final Map<Object, String> underMmuLock = new ConcurrentHashMap<>();
  private @Nullable HostMachine host;
  private @Nullable Platform platform;

  /** Watches a backend. */
  public Witness(Backend backend) {
    super(backend);
  }

  @Override
  @SuppressWarnings("NullAway") // the null is the thing looked for
  public Platform createPlatform(HostMachine machine) {
    host = machine;
    Platform made = super.createPlatform(machine);
    if (made == null) {
      throw new AssertionError("createPlatform answered null");
    }
    platform = made;
    return new WitnessPlatform(made);
  }

  /** Returns the host the platform was made for; the first VM is created by then. */
  public HostMachine host() {
    if (host == null) {
      throw new IllegalStateException("no VM was created yet");
    }
    return host;
  }

  public @Nullable Platform platform() {
    return platform;
  }

  /** Returns the vendor half of the nth VM, counted from 0. */
  public WitnessOps vm(int n) {
    return vms.get(n);
  }

  public List<WitnessOps> vms() {
    return vms;
  }

  /** Who acts: an actor of a run, or the thread. */
  private static Object actor() {
    Actor a = Actor.current();
    return a == null ? Thread.currentThread() : a;
  }

  /** Returns the hook that whoever calls runs under {@code mmu_lock}, or null. */
  public @Nullable String hookUnderMmuLock() {
    return underMmuLock.get(actor());
  }

  /** Sets what {@link #hookUnderMmuLock} answers; returns what it answered. */
  @Nullable String enter(@Nullable String hook) {
    return hook == null ? underMmuLock.remove(actor()) : underMmuLock.put(actor(), hook);
  }

  public void note(HookCall call) {
    calls.add(call);
  }

  public void violation(String what) {
    violations.add(what);
  }

  /** Returns what was called since the last {@link #forget}. */
  public List<HookCall> calls() {
    return List.copyOf(calls);
  }

  public List<HookCall> calls(String name) {
    return calls.stream().filter(c -> c.name().equals(name)).toList();
  }

  public void forget() {
    calls.clear();
  }

  public List<String> violations() {
    return List.copyOf(violations);
  }

  /** Asks platform and VMs for broken invariants. */
  public void checkInvariants(Consumer<String> violation) {
    if (platform != null) {
      platform.checkInvariants(violation);
    }
    vms.stream().filter(v -> v.alive()).forEach(v -> v.delegate().checkInvariants(violation));
  }

  private final class WitnessPlatform extends ForwardingPlatform {
    WitnessPlatform(Platform inner) {
      super(inner);
    }

    @Override
    public VmOps createVm(VmContext vm, VmType type) {
      VmContext seen = new WitnessContext(vm, Witness.this);
      WitnessOps made = new WitnessOps(super.createVm(seen, type), vm, Witness.this);
      vms.add(made);
      return made;
    }
  }
}
