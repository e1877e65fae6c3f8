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
 * or the first run), then NEW, ACTIVE from the first run on, DYING once the last reference goes.
 * Nothing of the RMM is held before NEW. {@code config_lock} orders creation, population and
 * activation.
 */
// The CCA series, arch/arm64/kvm/rmi.c: kvm_init_realm, kvm_activate_realm, kvm_destroy_realm.
final class RealmLife {
  private enum State {
    NONE,
    NEW,
    ACTIVE,
    DYING
  }

  private final VmContext vm;
  private final Rmi rmm;
  private final Granules granules;
  private final Realms realms;
  private final Pe pe = new Pe();
  private final ModelLock configLock = new ModelLock("kvm->arch.config_lock");

  private volatile State state = State.NONE;
  private volatile @Nullable HostedRealm realm;
  private int hashAlgorithm;

  RealmLife(VmContext vm, Rmi rmm, Granules granules, Realms realms) {
    this.vm = vm;
    this.rmm = rmm;
    this.granules = granules;
    this.realms = realms;
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
    return state == State.ACTIVE || state == State.DYING;
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

  Errno ensureCreated() {
    configLock.assertExclusive();
    if (realm != null) {
      return Errno.OK;
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

  /** The first run: RIPAS of the slots, one REC for each vCPU, activation. */
  Errno activate() {
    configLock.lock();
    try {
      if (state == State.ACTIVE) {
        return Errno.OK;
      }
      Errno e = ensureCreated();
      if (!e.ok()) {
        return e;
      }
      HostedRealm r = created();
      e = r.initRipas(pe, vm.slots());
      for (VcpuContext vcpu : vm.vcpus()) {
        RealmVcpu v = RealmVcpu.of(vcpu);
        if (e.ok() && v.rec == Granules.NONE) {
          e = r.createRec(pe, v);
        }
      }
      if (e.ok()) {
        e = r.activate(pe);
      }
      if (e.ok()) {
        state = State.ACTIVE;
      }
      return e;
    } finally {
      configLock.unlock();
    }
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
