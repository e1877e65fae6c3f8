package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.api.uapi.MemoryMapping;
import dev.cocovisor.core.mmu.PageFault;
import dev.cocovisor.core.mmu.RetPf;

/**
 * KVM_PRE_FAULT_MEMORY, and KVM_MAP_MEMORY as its second revision had it.
 *
 * <p>Both work on bytes, advance the caller's range by what they mapped, and answer success once
 * anything was mapped. Sources: {@code virt/kvm/kvm_main.c}, kvm_vcpu_pre_fault_memory; {@code
 * arch/x86/kvm/mmu/mmu.c}, kvm_arch_vcpu_pre_fault_memory and kvm_tdp_page_prefault; "KVM: Guest
 * Memory Pre-Population API" v2 (April 2024) for KVM_MAP_MEMORY: the vendor is asked before each
 * mapping, and a range outside any slot is EFAULT where the later ioctl says ENOENT.
 */
final class Prefault {
  private final Vm vm;

  Prefault(Vm vm) {
    this.vm = vm;
  }

  /**
   * Runs one of the two.
   *
   * @param range gpa and size in bytes, advanced
   * @param mapMemory whether it is KVM_MAP_MEMORY
   */
  long run(Vcpu vcpu, long flags, long[] range, boolean mapMemory) {
    long gpa = range[0];
    long size = range[1];
    if (flags != 0) {
      return -vm.refuse(Errno.EINVAL, "flags must be 0").number();
    }
    if (((gpa | size) & (PageLevel.PAGE_SIZE - 1)) != 0) {
      return -vm.refuse(Errno.EINVAL, "gpa or size is not page aligned").number();
    }
    if (Long.compareUnsigned(gpa + size, gpa) <= 0) {
      return -vm.refuse(Errno.EINVAL, "size is 0, or gpa and size wrap").number();
    }
    vcpu.root().prefault();
    long left = size;
    long r = 0;
    do {
      if (vcpu.requests().takeSignal()) {
        r = -vm.refuse(Errno.EINTR, "a signal is pending").number();
        break;
      }
      r = step(vcpu, range[0], left, mapMemory, left == size);
      if (r <= 0) {
        break;
      }
      range[0] += r;
      left -= r;
    } while (left != 0);
    range[1] = left;
    return left == size ? r : 0;
  }

  /** Maps the page at {@code gpa}: bytes of the range done, or -errno. */
  private long step(Vcpu vcpu, long gpa, long size, boolean mapMemory, boolean first) {
    if (vm.isDead()) {
      return -Errno.EIO.number();
    }
    if (vm.ops().preFaultAllowed() && !vm.mayLoadRoots()) {
      // kvm_mmu_reload comes before anybody asks what the roots are for.
      return -vm.refuse(Errno.ENOSPC, "the VM never had a slot, so its shadow MMU has no pages")
          .number();
    }
    if (!vm.rules().tdpMmu() || !vm.ops().preFaultAllowed()) {
      return -vm.refuse(
              Errno.EOPNOTSUPP,
              vm.rules().tdpMmu()
                  ? "the vendor allows no pre-population yet"
                  : "the shadow MMU has no pre-population")
          .number();
    }
    long gfn = gpa >>> PageLevel.PAGE_SHIFT;
    if (!mapMemory && vm.faultSteps().isAlias(gfn, vm.traits().sharedGfnMask())) {
      // kvm_is_gfn_alias: the address has no shared bit; KVM adds it where the attribute says so.
      return -vm.refuse(Errno.EINVAL, "the address has the shared bit").number();
    }
    // A vCPU in guest mode walks other tables than the TDP MMU's (kvm_tdp_page_prefault). So was
    // KVM_MAP_MEMORY refused too, until a later patch of its series mapped the L1 address.
    if (vcpu.inGuestMode() && (!mapMemory || vm.rules().mapMemoryRefusesGuestMode())) {
      return -vm.refuse(Errno.EOPNOTSUPP, "the vCPU is in guest mode").number();
    }
    boolean isPrivate = vm.prefaultsPrivate(gfn);
    if (mapMemory) {
      Errno r = vm.ops().preMmuMapPage(vcpu, new MemoryMapping(gpa, size, 0), isPrivate);
      if (!r.ok()) {
        return -r.number();
      }
    }
    long r = map(vcpu, gfn, isPrivate, first);
    if (r < 0) {
      return mapMemory && r == -Errno.ENOENT.number() ? -Errno.EFAULT.number() : r;
    }
    PageLevel level = PageLevel.of((int) r);
    long end = (gpa & -level.bytes()) + level.bytes();
    return Long.compareUnsigned(size, end - gpa) < 0 ? size : end - gpa;
  }

  /**
   * Maps one page as a read would; the level mapped, or -errno.
   *
   * @param first whether it is the first of a range
   */
  long map(Vcpu vcpu, long gfn, boolean isPrivate, boolean first) {
    PageFault f = vcpu.fault();
    for (long tries = 0; ; tries++) {
      f.gfn = gfn;
      f.write = false;
      f.prefetch = true;
      f.isPrivate = isPrivate;
      f.maxLevel = vm.rules().maxLevel();
      f.cpu = vcpu.cpu();
      vm.faultSteps().takeRoot(vcpu.stage(), vcpu, first && tries == 0);
      int r = vm.faults().handle(vcpu, f);
      switch (r) {
        case RetPf.RETRY -> {
          if (vm.isDead()) {
            return -Errno.EIO.number();
          }
          if (vcpu.requests().takeSignal()) {
            return -vm.refuse(Errno.EINTR, "a signal is pending").number();
          }
          if (tries >= vm.rules().retries()) {
            return -vm.gaveUp(vcpu, gfn, tries).number();
          }
          SchedulePoint.retry(vm.invalidation(), gfn, tries);
        }
        case RetPf.ENDLESS -> {
          vcpu.neverReturns();
          return -vm.refuse(
                  Errno.EINTR,
                  "the vCPU's root is stale and nobody frees it: the call never returns, but for a"
                      + " signal")
              .number();
        }
        case RetPf.FIXED, RetPf.SPURIOUS -> {
          return f.goalLevel;
        }
        case RetPf.EMULATE -> {
          return -vm.refuse(Errno.ENOENT, () -> "gfn 0x%x: no slot".formatted(gfn)).number();
        }
        default -> {
          return r < 0 ? r : -Errno.EIO.number();
        }
      }
    }
  }
}
