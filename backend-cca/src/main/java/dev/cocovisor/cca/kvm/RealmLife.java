package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.cca.rmm.call.Pe;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * From no realm to an active one and to its end: NONE until somebody needs the realm (a population
 * or the first run), then NEW, ACTIVE from the first run on or DEAD where that failed, DYING once
 * the last reference goes. Nothing of the RMM is held before NEW. {@code config_lock} orders
 * creation, population and activation.
 */
// The CCA series, arch/arm64/kvm/rmi.c: kvm_init_realm, kvm_activate_realm, kvm_destroy_realm.
final class RealmLife {
  private enum State {
    NONE,
    NEW,
    ACTIVE,
    DYING,
    DEAD
  }

  private final VmContext vm;
  private final Rmi rmm;
  private final Granules granules;
  private final Realms realms;
  private final RealmSeries series;
  private final boolean psciNeeded;
  private final Pe pe = new Pe();
  private final ModelLock configLock = new ModelLock("kvm->arch.config_lock");

  private volatile State state = State.NONE;
  private volatile @Nullable HostedRealm realm;
  private int hashAlgorithm;

  RealmLife(
      VmContext vm,
      Rmi rmm,
      Granules granules,
      Realms realms,
      RealmSeries series,
      boolean psciNeeded) {
    this.vm = vm;
    this.rmm = rmm;
    this.granules = granules;
    this.realms = realms;
    this.series = series;
    this.psciNeeded = psciNeeded;
  }

  ModelLock configLock() {
    return configLock;
  }

  /** The CPU on which the host works for the VM as a whole. */
  Pe pe() {
    return pe;
  }

  @Nullable HostedRealm realm() {
    return realm;
  }

  boolean isActive() {
    return state == State.ACTIVE;
  }

  boolean isDying() {
    return state == State.DYING;
  }

  /** Tells whether the launch is over: nothing can be populated and no vCPU be added. */
  boolean isSealed() {
    return state == State.ACTIVE || state == State.DYING || state == State.DEAD;
  }

  RealmSeries series() {
    return series;
  }

  void add() {
    realms.add(vm.id());
  }

  /** Returns the realm; the caller knows that there is one. */
  HostedRealm created() {
    HostedRealm r = realm;
    if (r == null) {
      throw new IllegalStateException("the realm was not created");
    }
    return r;
  }

  /** Chooses the hash algorithm, before the realm exists. */
  long configure(VendorCommand command) {
    long algorithm = command.in().number("hash_algo", 0);
    if (state != State.NONE) {
      return fail(Errno.EBUSY, "the realm was created with a hash algorithm already");
    }
    if (algorithm != 0 && algorithm != 1) {
      return fail(Errno.EINVAL, "hash_algo is neither 0 (SHA-256) nor 1 (SHA-512)");
    }
    hashAlgorithm = (int) algorithm;
    return 0;
  }

  /** Tells why a call is refused, and returns the error. */
  Errno refuse(Errno error, String why) {
    return vm.host().trace().refuse(error, why);
  }

  /** As {@link #refuse}, for what answers like a system call. */
  long fail(Errno error, String why) {
    return -refuse(error, why).number();
  }

  /** The caller holds {@code config_lock}; what is sealed is not created. */
  Errno ensureCreated() {
    configLock.assertExclusive();
    switch (state) {
      case NEW -> {
        return Errno.OK;
      }
      case DEAD -> {
        return refuse(Errno.ENXIO, "the realm could not be activated");
      }
      case ACTIVE, DYING -> {
        return refuse(Errno.EBUSY, "the realm is active: its launch content is sealed");
      }
      case NONE -> {}
    }
    HostedRealm.Creation creation = HostedRealm.create(pe, vm, rmm, granules, hashAlgorithm);
    return switch (creation) {
      case HostedRealm.Creation.Created c -> {
        realm = c.realm();
        state = State.NEW;
        yield Errno.OK;
      }
      case HostedRealm.Creation.Failed f -> f.errno();
    };
  }

  /**
   * The first run: one REC for each vCPU, RIPAS of the slots, activation. A failure on the way is
   * for good.
   */
  Errno activate() {
    configLock.lock();
    try {
      if (state == State.ACTIVE) {
        return Errno.OK;
      }
      if (state == State.DEAD) {
        return refuse(Errno.EINVAL, "the realm could not be activated");
      }
      Errno e = ensureCreated();
      if (!e.ok()) {
        return e;
      }
      state = State.DEAD;
      e = launch(created());
      if (e.ok()) {
        state = State.ACTIVE;
      } else if (series == RealmSeries.CARRIED) {
        vm.dead();
      }
      return e;
    } finally {
      configLock.unlock();
    }
  }

  private Errno launch(HostedRealm r) {
    for (VcpuContext vcpu : vm.vcpus()) {
      RealmVcpu v = RealmVcpu.of(vcpu);
      if (psciNeeded && !v.psci) {
        return refuse(Errno.EINVAL, "a vCPU has no KVM_ARM_VCPU_PSCI_0_2");
      }
      Errno e = r.createRec(pe, v);
      if (!e.ok()) {
        return e;
      }
    }
    Errno e = r.initRipas(pe, vm.slots());
    return e.ok() ? r.activate(pe) : e;
  }

  void startDying() {
    state = State.DYING;
  }

  void destroy() {
    HostedRealm r = realm;
    if (r != null) {
      r.destroy(pe);
      realm = null;
    }
    realms.remove(vm.id());
  }

  void showTables(TableSink.Entries into) {
    HostedRealm r = realm;
    if (r != null) {
      rmm.rmm().view().showTables(r.rd(), into);
    }
  }

  void checkInvariants(Consumer<String> violation) {
    HostedRealm r = realm;
    if (r != null && rmm.rmm().view().realmState(r.rd()) == null) {
      violation.accept("VM " + vm.id() + ": the RMM has no realm at its descriptor");
    }
    if (r == null && state == State.ACTIVE) {
      violation.accept("VM " + vm.id() + ": active without a realm");
    }
  }
}
