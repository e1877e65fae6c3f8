package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.cca.rmm.Pe;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * KVM's realm: the hooks of one VM.
 *
 * <p><b>Life.</b> NONE until somebody needs the realm (a population or the first run), then NEW,
 * then ACTIVE from the first run on, DYING once the last reference goes. Nothing of the RMM is held
 * before NEW.
 *
 * <p><b>Memory.</b> The upper half of the IPA space is shared: its gfns carry the top bit. A
 * private fault delegates the frame and assigns it, a shared one maps the frame with DATA left
 * alone; the core keeps the registry of both. A populated page enters the registry only when it is
 * faulted, so those are remembered here until the core or the memory file takes them back.
 *
 * <p><b>Locks.</b> {@code config_lock} orders creation, population and activation; the hooks that
 * map and unmap run under the locks the core says. Under all of them come the RMM's granule locks.
 */
final class RealmOps implements VmOps {
  /** The gfn bit that says shared. */
  static final long SHARED_GFN = 1L << (Realm.IPA_BITS - 1 - PageLevel.PAGE_SHIFT);

  private static final VmTraits TRAITS =
      new VmTraits(
          StageShape.DELEGATED,
          true,
          PrivateRule.SHARED_BIT,
          SHARED_GFN,
          PageLevel.PG_2M,
          false,
          false,
          false,
          true);

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
  private final boolean hugePages;
  private final Pe pe = new Pe();
  private final ModelLock configLock = new ModelLock("kvm->arch.config_lock");
  private final RealmRun run;

  /** Populated pages that the core's registry does not know: pfn to gfn. */
  private final Map<Long, Long> populated = new HashMap<>();

  private volatile State state = State.NONE;
  private volatile @Nullable Realm realm;
  private int hashAlgorithm;

  RealmOps(VmContext vm, Rmi rmm, Granules granules, Realms realms, boolean hugePages) {
    this.vm = vm;
    this.rmm = rmm;
    this.granules = granules;
    this.realms = realms;
    this.hugePages = hugePages;
    this.run = new RealmRun(vm, rmm);
  }

  @Override
  public VmTraits traits() {
    return TRAITS;
  }

  @Override
  public Errno vmInit() {
    realms.add(vm.id());
    return Errno.OK;
  }

  @Override
  public boolean preFaultAllowed() {
    return state == State.ACTIVE;
  }

  // vCPUs.

  @Override
  public Errno vcpuCreate(VcpuContext vcpu) {
    // RECs are made at activation; a vCPU that comes later could never run.
    if (state == State.ACTIVE || state == State.DYING) {
      return Errno.EINVAL;
    }
    vcpu.setVendorState(new RealmVcpu(vcpu.id()));
    return Errno.OK;
  }

  @Override
  public void vcpuFree(VcpuContext vcpu) {
    Realm r = realm;
    if (r != null && vcpu.vendorState() instanceof RealmVcpu v) {
      r.destroyRec(v.pe, v);
    }
  }

  @Override
  public long vcpuIoctl(VcpuContext vcpu, VendorCommand command) {
    return switch (command.name()) {
      case "KVM_ARM_VCPU_INIT" -> {
        // features[0] bit 0: KVM_ARM_VCPU_POWER_OFF.
        of(vcpu).powerOff = (command.in().number("features", 0) & 1) != 0;
        yield 0;
      }
      default -> -Errno.ENOTTY.number();
    };
  }

  private static RealmVcpu of(VcpuContext vcpu) {
    if (vcpu.vendorState() instanceof RealmVcpu v) {
      return v;
    }
    throw new IllegalStateException("vCPU " + vcpu.id() + " is not a realm's");
  }

  /** Creates and activates the realm on the first run, and does what the last exit asked for. */
  @Override
  public Errno vcpuPreRun(VcpuContext vcpu) {
    if (state == State.DYING) {
      return Errno.EIO;
    }
    if (state != State.ACTIVE) {
      Errno e = activate();
      if (!e.ok()) {
        return e;
      }
    }
    return run.completeRipasChange(of(vcpu), created());
  }

  // Creation.

  private Realm created() {
    Realm r = realm;
    if (r == null) {
      throw new IllegalStateException("the realm was not created");
    }
    return r;
  }

  private Errno ensureCreated() {
    configLock.assertExclusive();
    if (realm != null) {
      return Errno.OK;
    }
    Realm.Creation creation =
        Realm.create(pe, vm, rmm, granules, realms, new Realm.RealmConfig(hashAlgorithm));
    return switch (creation) {
      case Realm.Creation.Created c -> {
        realm = c.realm();
        state = State.NEW;
        yield Errno.OK;
      }
      case Realm.Creation.Failed f -> f.errno();
    };
  }

  /** The first run: RIPAS of the slots, one REC for each vCPU, activation. */
  private Errno activate() {
    configLock.lock();
    try {
      if (state == State.ACTIVE) {
        return Errno.OK;
      }
      Errno e = ensureCreated();
      if (!e.ok()) {
        return e;
      }
      Realm r = created();
      e = r.initRipas(pe, vm.slots());
      for (VcpuContext vcpu : vm.vcpus()) {
        RealmVcpu v = of(vcpu);
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

  @Override
  public long vmIoctl(VendorCommand command) {
    return switch (command.name()) {
      case "KVM_ARM_RMI_CONFIG" -> configure(command);
      case "KVM_ARM_RMI_POPULATE" -> populate(command);
      default -> -Errno.ENOTTY.number();
    };
  }

  /** Chooses the hash algorithm, before the realm exists. */
  private long configure(VendorCommand command) {
    long algorithm = command.in().number("hash_algo", 0);
    if (state != State.NONE) {
      return -Errno.EBUSY.number();
    }
    if (algorithm != 0 && algorithm != 1) {
      return -Errno.EINVAL.number();
    }
    hashAlgorithm = (int) algorithm;
    return 0;
  }

  /** KVM_ARM_RMI_POPULATE: copies the VMM's pages into the new realm, measured or not. */
  private long populate(VendorCommand command) {
    long base = command.in().number("base");
    long size = command.in().number("size");
    long source = command.in().number("source_uaddr");
    long flags = command.in().number("flags", 0);
    boolean bad = ((base | size | source) & (PageLevel.PAGE_SIZE - 1)) != 0 || size <= 0;
    if (bad || (flags & ~1L) != 0 || source == 0) {
      return -Errno.EINVAL.number();
    }
    configLock.lock();
    try {
      if (state == State.ACTIVE || state == State.DYING) {
        return -Errno.ENXIO.number();
      }
      Errno e = ensureCreated();
      if (!e.ok()) {
        return -e.number();
      }
      long done =
          vm.populate(
              base >>> PageLevel.PAGE_SHIFT,
              source,
              size >>> PageLevel.PAGE_SHIFT,
              (gfn, pfn, from, order) -> populateBlock(gfn, pfn, from, order, (flags & 1) != 0));
      if (done < 0) {
        return done;
      }
      // As the kernel's loop does: what is left goes back to the caller, who calls again.
      command.out().put("base", base + (done << PageLevel.PAGE_SHIFT));
      command.out().put("size", size - (done << PageLevel.PAGE_SHIFT));
      command.out().put("source_uaddr", source + (done << PageLevel.PAGE_SHIFT));
      return 0;
    } finally {
      configLock.unlock();
    }
  }

  private Errno populateBlock(long gfn, long pfn, long from, int order, boolean measure) {
    for (long i = 0; i < 1L << order; i++) {
      long pinned = vm.pinUserPage(from + (i << PageLevel.PAGE_SHIFT));
      if (pinned < 0) {
        return Errno.of((int) -pinned);
      }
      Errno e =
          created()
              .tables()
              .populatePage(
                  pe,
                  (gfn + i) << PageLevel.PAGE_SHIFT,
                  (pfn + i) << PageLevel.PAGE_SHIFT,
                  pinned << PageLevel.PAGE_SHIFT,
                  measure);
      vm.unpinUserPage(pinned);
      if (!e.ok()) {
        return e;
      }
      populated.put(pfn + i, gfn + i);
    }
    return Errno.OK;
  }

  // Mapping.

  @Override
  public PageLevel delegatedMaxLevel(long gfn, long pfn, PageLevel wanted, boolean isPrivate) {
    boolean block =
        hugePages
            && wanted.compareTo(PageLevel.PG_2M) >= 0
            && PageLevel.PG_2M.aligned(pfn - gfn)
            && (!isPrivate || isOneEntry(gfn));
    return block ? PageLevel.PG_2M : PageLevel.PG_4K;
  }

  /** Where some page has its own entry already (populated, or faulted alone) the others do too. */
  private boolean isOneEntry(long gfn) {
    Realm r = realm;
    return r != null && r.tables().isOneEntry(new Pe(), gfn << PageLevel.PAGE_SHIFT);
  }

  @Override
  public Errno mapDelegated(
      VcpuContext vcpu, long gfn, long pfn, PageLevel level, boolean isPrivate, boolean writable) {
    if (state == State.DYING) {
      return Errno.EIO;
    }
    RealmTables tables = created().tables();
    Pe cpu = of(vcpu).pe;
    long pa = pfn << PageLevel.PAGE_SHIFT;
    if (!isPrivate) {
      long ipa = (gfn | SHARED_GFN) << PageLevel.PAGE_SHIFT;
      return tables.mapShared(cpu, ipa, pa, stage2Level(level), writable);
    }
    long ipa = gfn << PageLevel.PAGE_SHIFT;
    if (populated.remove(pfn) != null) {
      // There since the population; now the registry knows it too.
      return Errno.OK;
    }
    if (refaultDelegated(vcpu, gfn, true) == Errno.EFAULT) {
      return Errno.EFAULT;
    }
    return level == PageLevel.PG_2M
        ? tables.mapPrivateBlock(cpu, ipa, pa)
        : tables.mapPrivatePage(cpu, ipa, pa);
  }

  /**
   * Ends the run at memory whose content was lost: nothing the host maps lets the realm go on
   * before it gives the content up, so it would fault there for ever.
   */
  @Override
  public Errno refaultDelegated(VcpuContext vcpu, long gfn, boolean isPrivate) {
    long ipa = gfn << PageLevel.PAGE_SHIFT;
    if (!isPrivate || !created().tables().isLost(of(vcpu).pe, ipa)) {
      return Errno.OK;
    }
    vcpu.setExit(new Exit.MemoryFault(Exit.MemoryFault.PRIVATE, ipa, PageLevel.PAGE_SIZE));
    return Errno.EFAULT;
  }

  private static int stage2Level(PageLevel level) {
    return RealmTables.PAGE_LEVEL + 1 - level.number();
  }

  @Override
  public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
    Realm r = realm;
    if (r == null) {
      return Errno.OK;
    }
    return isPrivate
        ? r.tables().unmapPrivate(pe, gfn << PageLevel.PAGE_SHIFT, stage2Level(level))
        : r.tables()
            .unmapShared(pe, (gfn | SHARED_GFN) << PageLevel.PAGE_SHIFT, stage2Level(level));
  }

  /** A block is unfolded, so that the pages that stay keep their content. */
  @Override
  public boolean splitDelegated(long gfn, PageLevel level, boolean isPrivate) {
    Realm r = realm;
    return r != null
        && isPrivate
        && level == PageLevel.PG_2M
        && r.tables().unfold(pe, gfn << PageLevel.PAGE_SHIFT);
  }

  /** Populated pages that nobody faulted go back with their folio. */
  @Override
  public void gmemInvalidate(long pfnStart, long pfnEnd) {
    Realm r = realm;
    for (long pfn = pfnStart; r != null && pfn < pfnEnd && !populated.isEmpty(); pfn++) {
      Long gfn = populated.remove(pfn);
      if (gfn != null) {
        Errno e = r.tables().unmapPrivate(pe, gfn << PageLevel.PAGE_SHIFT, RealmTables.PAGE_LEVEL);
        if (!e.ok()) {
          vm.leak(pfn, 1, "RMI_DATA_DESTROY failed");
        }
      }
    }
  }

  /** As {@link #gmemInvalidate}, for pages whose slot goes before their folio does. */
  @Override
  public void guestMemoryReclaimed() {
    Realm r = realm;
    if (r == null || populated.isEmpty()) {
      return;
    }
    populated
        .entrySet()
        .removeIf(e ->
            vm.slotOf(e.getValue()) == null
                && r.tables()
                    .unmapPrivate(pe, e.getValue() << PageLevel.PAGE_SHIFT, RealmTables.PAGE_LEVEL)
                    .ok());
  }

  // Running.

  @Override
  public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    Realm r = realm;
    return r == null || state != State.ACTIVE ? WALK_FAULT : run.walk(vcpu, of(vcpu), gpa, access);
  }

  @Override
  public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
    if (!action.name().equals("rsi")) {
      return null;
    }
    return state == State.ACTIVE
        ? run.rsi(vcpu, of(vcpu), action.fields())
        : new RunResult(Errno.EIO, new Exit.Unknown());
  }

  // Death.

  @Override
  public void vmPreDestroy() {
    state = State.DYING;
  }

  @Override
  public void vmDestroy() {
    Realm r = realm;
    if (r != null) {
      r.destroy(pe);
      populated.clear();
      realm = null;
    }
    realms.remove(vm.id());
  }

  @Override
  public long trustedTablePages() {
    Realm r = realm;
    return r == null ? 0 : r.tablePages();
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    Realm r = realm;
    if (r != null && rmm.view().realmState(r.rd()) == null) {
      violation.accept("VM " + vm.id() + ": the RMM has no realm at its descriptor");
    }
    if (r == null && state == State.ACTIVE) {
      violation.accept("VM " + vm.id() + ": active without a realm");
    }
  }
}
