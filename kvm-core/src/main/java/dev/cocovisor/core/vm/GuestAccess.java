package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.ops.MappingOps;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.sched.Mode;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.core.mmu.PageFault;
import dev.cocovisor.core.mmu.RetPf;
import dev.cocovisor.core.mmu.Spte;
import dev.cocovisor.core.mmu.TdpMmu;
import dev.cocovisor.core.mmu.TlbModel;

/**
 * One guest access: translate, fault, translate again, touch the byte.
 *
 * <p>A software-protected VM's access is private where the attribute says so, except a fault on a
 * cached MMIO entry, which the hardware reports as reserved and KVM takes for shared: an address
 * without a slot keeps exiting as MMIO until the slots change, whatever its attribute. Source:
 * {@code arch/x86/kvm/mmu/mmu.c}, kvm_mmu_page_fault and handle_mmio_page_fault.
 */
final class GuestAccess implements AccessPath {
  /** The run ends with 0 and the exit that was set. */
  static final long EXITED = VmContext.EXITED;

  private static final int KVM_INTERNAL_ERROR_EMULATION = 1;

  private final Vm vm;
  private final Vcpu vcpu;
  private final Accessor plain;
  private final PrivateRule rule;
  private final long sharedMask;

  GuestAccess(Vm vm, Vcpu vcpu) {
    this.vm = vm;
    this.vcpu = vcpu;
    this.plain = new Accessor(Accessor.Kind.GUEST, vm.id(), 0);
    this.keyed = plain;
    this.rule = vm.traits().privateRule();
    this.sharedMask = vm.traits().sharedGfnMask();
  }

  /** The accessor of the last key seen: a VM changes its key once or twice in its life. */
  private Accessor keyed;

  private Accessor who(Access access, boolean encrypted) {
    // Fetches are encrypted whatever the bit says, APM volume 2, 15.34.5.
    int key = encrypted || access == Access.FETCH ? vm.ops().guestKey() : 0;
    if (key == 0) {
      return plain;
    }
    if (keyed.key() != key) {
      keyed = new Accessor(Accessor.Kind.GUEST, vm.id(), key);
    }
    return keyed;
  }

  @Override
  public long access(long gpa, Access access, int value, boolean encrypted) {
    long bare = gpa & ~(sharedMask << PageLevel.PAGE_SHIFT);
    long gfn = Vcpu.pageOf(bare);
    boolean write = access == Access.WRITE;
    long most = vm.rules().retries();
    boolean refused = false;
    for (long tries = 0; ; tries++) {
      if (tries != 0) {
        if (tries > most) {
          var _ = interrupted();
          return -vm.gaveUp(vcpu, gfn, tries).number();
        }
        vcpu.letOthersGo(gfn, tries);
      }
      if (vm.isDead()) {
        return -Errno.EIO.number();
      }
      if (tries != 0 && vcpu.dirtyRingFull()) {
        return EXITED;
      }
      if (vcpu.requests().takeSignal()) {
        return interrupted();
      }
      // Whatever is looked up from here on is void if a request comes before the guest is entered.
      vcpu.serveRequests();
      boolean isPrivate = isPrivate(gpa, gfn, encrypted || access == Access.FETCH);
      long hpa = vm.ops().guestWalk(vcpu, gpa, access, isPrivate);
      boolean cachedMmio = false;
      if (hpa == MappingOps.WALK_CORE) {
        long t = translate(gfn, isPrivate, write);
        if (t >= 0) {
          long pfn = TlbModel.pfn(t);
          PageLevel level = PageLevel.of(TlbModel.level(t));
          AccessOutcome o = vm.ops().checkTranslation(vcpu, gpa, pfn, level, access, isPrivate);
          if (o == AccessOutcome.ALLOW) {
            if (!vcpu.requests().enter()) {
              continue;
            }
            long r;
            try {
              r =
                  touch(
                      who(access, encrypted),
                      pfn << PageLevel.PAGE_SHIFT | (bare & (PageLevel.PAGE_SIZE - 1)),
                      write,
                      value);
            } finally {
              vcpu.requests().leave();
            }
            if (r >= 0) {
              return r;
            }
            if (refused) {
              return guardFault(bare, isPrivate);
            }
            refused = true;
            continue;
          }
          if (o == AccessOutcome.EXIT) {
            return EXITED;
          }
          if (o == AccessOutcome.RETRY) {
            continue;
          }
        } else {
          cachedMmio = Spte.isMmio(lastWalk);
        }
      } else if (hpa >= 0) {
        // The vendor's own hardware walked and judged; its memory needs no second opinion.
        if (!vcpu.requests().enter()) {
          continue;
        }
        try {
          return touchRaw(hpa, write, value);
        } finally {
          vcpu.requests().leave();
        }
      } else if (hpa == MappingOps.WALK_EXIT) {
        return EXITED;
      } else if (hpa == MappingOps.WALK_RETRY) {
        continue;
      } else if (hpa <= MappingOps.WALK_FAILED) {
        return hpa - MappingOps.WALK_FAILED;
      }
      long r = fault(bare, gfn, access, isPrivate, gpa, cachedMmio);
      if (r != 0) {
        return r;
      }
    }
  }

  private long lastWalk;

  private boolean isPrivate(long gpa, long gfn, boolean encrypted) {
    return switch (rule) {
      case ATTRIBUTE -> vm.isPrivate(gfn);
      case SHARED_BIT -> (Vcpu.pageOf(gpa) & sharedMask) == 0;
      case ENCRYPTION_BIT -> encrypted;
      case ALWAYS -> true;
      case NEVER -> false;
    };
  }

  /**
   * The TLB, then the tables; the translation as {@link TlbModel#find} gives it, or {@link
   * TlbModel#MISS}.
   */
  private long translate(long gfn, boolean isPrivate, boolean write) {
    long t = vcpu.tlb().find(gfn, isPrivate, write);
    if (t >= 0) {
      return t;
    }
    long e = vcpu.stage().walk(gfn, isPrivate);
    lastWalk = e;
    if (!Spte.isLeaf(e) || (write && !Spte.isWritable(e))) {
      return TlbModel.MISS;
    }
    if (Spte.isOld(e)) {
      vcpu.stage().accessed(gfn, isPrivate);
    }
    int level = Spte.level(e);
    long pfn = Spte.pfn(e) + (gfn & (PageLevel.of(level).pages() - 1));
    return vcpu.tlb().fill(gfn, isPrivate, pfn, level, Spte.isWritable(e));
  }

  /** KVM_EXIT_INTR: a signal is pending for the thread that runs the vCPU. */
  private long interrupted() {
    vcpu.setExit(new Exit.Interrupted());
    return -Errno.EINTR.number();
  }

  private static void reach(long hpa, boolean write, Object memory) {
    SchedulePoint.reach(
        PointKind.GUEST_BYTE, memory, hpa >>> PageLevel.PAGE_SHIFT, write ? Mode.WRITE : Mode.READ);
  }

  private long touch(Accessor who, long hpa, boolean write, int value) {
    reach(hpa, write, vm.memory());
    if (write) {
      return vm.memory().writeByte(who, hpa, value) ? 0 : -1;
    }
    return vm.memory().readByte(who, hpa);
  }

  private long touchRaw(long hpa, boolean write, int value) {
    reach(hpa, write, vm.memory());
    if (write) {
      vm.memory().raw().writeByte(hpa, value);
      return 0;
    }
    return vm.memory().raw().readByte(hpa);
  }

  /** A guard refused a guest that its own tables let through: nobody can mend that. */
  private long guardFault(long gpa, boolean isPrivate) {
    vcpu.setExit(
        new Exit.MemoryFault(
            isPrivate ? Exit.MemoryFault.PRIVATE : 0,
            gpa & -PageLevel.PAGE_SIZE,
            PageLevel.PAGE_SIZE));
    return -Errno.EFAULT.number();
  }

  /** Handles a fault; 0 lets the guest try again. */
  private long fault(
      long bare, long gfn, Access access, boolean isPrivate, long gpa, boolean cachedMmio) {
    AccessOutcome o = vm.ops().preFault(vcpu, gpa, access, isPrivate);
    if (o == AccessOutcome.EXIT) {
      return EXITED;
    }
    if (o == AccessOutcome.RETRY || o == AccessOutcome.ALLOW) {
      return 0;
    }
    boolean wanted = isPrivate;
    if (cachedMmio) {
      if (TdpMmu.mmioCurrent(lastWalk, vcpu.slots().generation())) {
        return emulate(bare, access);
      }
      wanted = isPrivate && rule != PrivateRule.ATTRIBUTE;
    }
    PageFault f = vcpu.fault();
    f.gfn = gfn;
    f.write = access == Access.WRITE;
    f.prefetch = false;
    f.isPrivate = wanted;
    f.maxLevel = vm.rules().maxLevel();
    f.cpu = vcpu.cpu();
    int r = vm.faults().handle(vcpu, f);
    if (r == RetPf.EMULATE) {
      return emulate(bare, access);
    }
    return r < 0 ? r : 0;
  }

  /** No memory there: userspace emulates a load or store; nobody emulates a fetch. */
  private long emulate(long gpa, Access access) {
    if (!vm.ops().emulates(vcpu, gpa, access)) {
      return EXITED;
    }
    vcpu.setExit(
        access == Access.FETCH
            ? new Exit.KvmInternalError(KVM_INTERNAL_ERROR_EMULATION)
            : new Exit.Mmio(gpa, 1, access == Access.WRITE));
    return EXITED;
  }
}
