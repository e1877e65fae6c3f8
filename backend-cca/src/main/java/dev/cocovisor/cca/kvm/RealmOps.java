package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
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
import dev.cocovisor.api.view.TableSink;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * KVM's realm: the hooks of one VM. Its life is {@link RealmLife}'s, initial contents are {@link
 * Population}'s, memory {@link RealmMappings}', and running a vCPU {@link RealmRun}'s.
 *
 * <p><b>Locks.</b> {@code config_lock} orders creation, population and activation; the hooks that
 * map and unmap run under the locks the core says. Under all of them come the RMM's granule locks.
 */
final class RealmOps implements VmOps {
  /** The gfn bit that says shared. */
  static final long SHARED_GFN = 1L << (HostedRealm.IPA_BITS - 1 - PageLevel.PAGE_SHIFT);

  private static final VmTraits TRAITS =
      VmTraits.of(StageShape.DELEGATED)
          .withPrivateMemory(true)
          .withPrivateRule(PrivateRule.SHARED_BIT)
          .withSharedGfnMask(SHARED_GFN)
          .withMaxPrivateLevel(PageLevel.PG_2M)
          .withProtectedState(true);

  private final RealmLife life;
  private final Population population;
  private final RealmMappings mappings;
  private final RealmRun run;

  RealmOps(VmContext vm, Rmi rmm, RealmLife life, boolean hugePages) {
    this.life = life;
    this.population = new Population(vm, life);
    this.mappings = new RealmMappings(vm, life, hugePages);
    this.run = new RealmRun(vm, rmm, life);
  }

  @Override
  public VmTraits traits() {
    return TRAITS;
  }

  @Override
  public Errno vmInit() {
    life.add();
    return Errno.OK;
  }

  @Override
  public boolean preFaultAllowed() {
    return life.isActive();
  }

  // vCPUs.

  @Override
  public Errno vcpuCreate(VcpuContext vcpu) {
    // RECs are made at activation, which wants the GIC initialised; kvm_arch_vcpu_precreate
    // answers EBUSY from then on.
    if (life.isSealed()) {
      return life.refuse(
          Errno.EBUSY, "the realm is active: its vCPUs are those it was sealed with");
    }
    vcpu.setVendorState(new RealmVcpu(vcpu.id()));
    return Errno.OK;
  }

  @Override
  public void vcpuFree(VcpuContext vcpu) {
    HostedRealm r = life.realm();
    if (r != null && vcpu.vendorState() instanceof RealmVcpu v) {
      r.destroyRec(v.pe, v);
    }
  }

  @Override
  public long vcpuIoctl(VcpuContext vcpu, VendorCommand command) {
    return switch (command.name()) {
      case "KVM_ARM_VCPU_INIT" -> {
        // features[0] bit 0: KVM_ARM_VCPU_POWER_OFF.
        RealmVcpu v = RealmVcpu.of(vcpu);
        long features = command.in().number("features", 0);
        v.powerOff = (features & 1) != 0;
        v.psci = (features & RealmVcpu.PSCI_0_2) != 0;
        yield 0;
      }
      default -> life.fail(Errno.ENOTTY, "no command of a realm: " + command.name());
    };
  }

  /** Creates and activates the realm on the first run, and does what the last exit asked for. */
  @Override
  public Errno vcpuPreRun(VcpuContext vcpu) {
    if (life.isDying()) {
      return life.refuse(Errno.EIO, "the realm is being torn down");
    }
    if (!life.isActive()) {
      Errno e = life.activate();
      if (!e.ok()) {
        return e;
      }
    }
    return run.completeRipasChange(vcpu);
  }

  @Override
  public long vmIoctl(VendorCommand command) {
    return switch (command.name()) {
      case "KVM_ARM_RMI_CONFIG" -> life.configure(command);
      case "KVM_ARM_RMI_POPULATE" -> population.populate(command);
      default -> life.fail(Errno.ENOTTY, "no command of a realm: " + command.name());
    };
  }

  // Memory.

  /** Source: {@code arch/arm64/kvm/mmu.c}, kvm_arch_prepare_memory_region. */
  @Override
  public Errno prepareMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    return now != null && now.endGfn() > 2 * SHARED_GFN
        ? life.refuse(Errno.EFAULT, "the slot ends beyond the realm's address space")
        : Errno.OK;
  }

  @Override
  public PageLevel delegatedMaxLevel(long gfn, long pfn, PageLevel wanted, boolean isPrivate) {
    return mappings.maxLevel(gfn, pfn, wanted, isPrivate);
  }

  @Override
  public Errno mapDelegated(
      VcpuContext vcpu, long gfn, long pfn, PageLevel level, boolean isPrivate, boolean writable) {
    return mappings.map(vcpu, gfn, pfn, level, isPrivate, writable);
  }

  @Override
  public Errno refaultDelegated(VcpuContext vcpu, long gfn, boolean isPrivate) {
    return mappings.refault(vcpu, gfn, isPrivate);
  }

  @Override
  public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
    return mappings.unmap(gfn, pfn, level, isPrivate);
  }

  @Override
  public Errno splitDelegated(long gfn, PageLevel level, boolean isPrivate) {
    return mappings.split(gfn, level, isPrivate);
  }

  // Running.

  @Override
  public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    return !life.isActive() ? WALK_FAULT : run.walk(vcpu, RealmVcpu.of(vcpu), gpa, access);
  }

  @Override
  public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
    if (!action.name().equals("rsi")) {
      return null;
    }
    return life.isActive()
        ? run.rsi(vcpu, RealmVcpu.of(vcpu), action.fields())
        : new RunResult(
            life.refuse(Errno.EIO, "no realm is active that could make an RSI call"),
            new Exit.Unknown());
  }

  // Death.

  @Override
  public void vmPreDestroy() {
    life.startDying();
  }

  @Override
  public void vmDestroy() {
    life.destroy();
  }

  @Override
  public long trustedTablePages() {
    HostedRealm r = life.realm();
    return r == null ? 0 : r.tablePages();
  }

  @Override
  public void showTables(TableSink into) {
    life.showTables(into.table("RTT"));
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    life.checkInvariants(violation);
  }
}
