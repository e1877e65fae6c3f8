package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.pkvm.guest.Hvc;

/**
 * PSCI as KVM emulates it: 1.3 where the VMM asked for {@code KVM_ARM_VCPU_PSCI_0_2}, 0.1
 * otherwise. Under pKVM the host answers for protected guests too.
 *
 * <p>Sources: {@code arch/arm64/kvm/psci.c}, kvm_psci_1_x_call, kvm_psci_0_2_call,
 * kvm_psci_0_1_call; {@code include/uapi/linux/psci.h}.
 */
final class Psci {
  private static final long VERSION = 0x8400_0000L;
  private static final long CPU_SUSPEND = 0x8400_0001L;
  private static final long CPU_OFF = 0x8400_0002L;
  private static final long CPU_ON = 0x8400_0003L;
  private static final long AFFINITY_INFO = 0x8400_0004L;
  private static final long MIGRATE_INFO_TYPE = 0x8400_0006L;
  private static final long SYSTEM_OFF = 0x8400_0008L;
  private static final long SYSTEM_RESET = 0x8400_0009L;
  private static final long FEATURES = 0x8400_000aL;
  private static final long SYSTEM_SUSPEND = 0x8400_000eL;
  private static final long SYSTEM_RESET2 = 0x8400_0012L;
  private static final long SYSTEM_OFF2 = 0x8400_0015L;
  private static final long SMCCC_VERSION = 0x8000_0000L;
  private static final long WIDE = 1L << 30;

  /** KVM_PSCI_FN: numbers of version 0.1, from before there was a calling convention. */
  private static final long OLD_CPU_OFF = 0x95c1_ba5fL;

  private static final long OLD_CPU_ON = 0x95c1_ba60L;

  private static final long VERSION_1_3 = 1 << 16 | 3;
  private static final long SUCCESS = 0;
  private static final long NOT_SUPPORTED = -1;
  private static final long INVALID_PARAMS = -2;
  private static final long ALREADY_ON = -4;
  private static final long TRUSTED_OS_NONE = 2;
  private static final long HIBERNATE_OFF = 1;
  private static final long VENDOR_RESETS = 0x8000_0000L;
  private static final long AFFINITY_BITS = 0xff_00ff_ffffL;

  private static final int EVENT_SHUTDOWN = 1;
  private static final int EVENT_RESET = 2;
  private static final int EVENT_SUSPEND = 5;

  /** How a run ends that only a signal ends. */
  static final Exit INTERRUPTED = new Exit.Interrupted();

  private final VmContext vm;
  private final VcpuInit features;
  private final VmFlags flags;

  Psci(VmContext vm, VcpuInit features, VmFlags flags) {
    this.flags = flags;
    this.vm = vm;
    this.features = features;
  }

  /** Handles a call that no other service took. */
  RunResult call(PkvmVcpu v, Hvc hvc) {
    return features.hasPsci() ? version1(v, hvc) : version01(v, hvc);
  }

  private static RunResult answer(long x0) {
    return RunResult.ok(new Exit.Done(x0));
  }

  private RunResult version01(PkvmVcpu v, Hvc hvc) {
    long fn = hvc.fn() & 0xffff_ffffL;
    if (fn == OLD_CPU_OFF) {
      return off(v);
    }
    return answer(fn == OLD_CPU_ON ? on(hvc.a0(), hvc.a1(), INVALID_PARAMS) : NOT_SUPPORTED);
  }

  private RunResult version1(PkvmVcpu v, Hvc hvc) {
    long called = hvc.fn() & 0xffff_ffffL;
    boolean wide = (called & WIDE) != 0;
    long fn = hasWideForm(called & ~WIDE) ? called & ~WIDE : called;
    // kvm_psci_narrow_to_32bit.
    long a0 = wide ? hvc.a0() : hvc.a0() & 0xffff_ffffL;
    long a1 = wide ? hvc.a1() : hvc.a1() & 0xffff_ffffL;
    if (fn == CPU_SUSPEND) {
      // As WFI: nothing wakes the guest but a signal, after which it goes on.
      v.progress.acted();
      return new RunResult(Errno.EINTR, INTERRUPTED);
    }
    if (fn == CPU_OFF) {
      return off(v);
    }
    if (fn == SYSTEM_OFF) {
      return event(EVENT_SHUTDOWN);
    }
    if (fn == SYSTEM_RESET) {
      return event(EVENT_RESET);
    }
    if (fn == SYSTEM_RESET2) {
      long type = a0 & 0xffff_ffffL;
      return type == 0 || type >= VENDOR_RESETS ? event(EVENT_RESET) : answer(INVALID_PARAMS);
    }
    if (fn == SYSTEM_SUSPEND && flags.suspends) {
      return RunResult.ok(new Exit.SystemEvent(EVENT_SUSPEND));
    }
    if (fn == SYSTEM_OFF2) {
      long type = a0 & 0xffff_ffffL;
      return (type == 0 || type == HIBERNATE_OFF) && a1 == 0
          ? event(EVENT_SHUTDOWN)
          : answer(INVALID_PARAMS);
    }
    return answer(value(fn, a0, a1));
  }

  private long value(long fn, long a0, long a1) {
    if (fn == VERSION) {
      return VERSION_1_3;
    }
    if (fn == CPU_ON) {
      return on(a0, a1, ALREADY_ON);
    }
    if (fn == AFFINITY_INFO) {
      return affinityInfo(a0, a1);
    }
    if (fn == MIGRATE_INFO_TYPE) {
      return TRUSTED_OS_NONE;
    }
    return fn == FEATURES ? featuresOf(a0 & 0xffff_ffffL) : NOT_SUPPORTED;
  }

  private long featuresOf(long asked) {
    long fn = hasWideForm(asked & ~WIDE) ? asked & ~WIDE : asked;
    if (fn == SYSTEM_SUSPEND) {
      return flags.suspends ? SUCCESS : NOT_SUPPORTED;
    }
    if (fn == SYSTEM_OFF2) {
      return HIBERNATE_OFF;
    }
    boolean known =
        fn == VERSION
            || fn == CPU_SUSPEND
            || fn == CPU_OFF
            || fn == CPU_ON
            || fn == AFFINITY_INFO
            || fn == MIGRATE_INFO_TYPE
            || fn == SYSTEM_OFF
            || fn == SYSTEM_RESET
            || fn == SYSTEM_RESET2
            || fn == FEATURES
            || fn == SMCCC_VERSION;
    return known ? SUCCESS : NOT_SUPPORTED;
  }

  /** The vCPU stops, and its thread sleeps until a signal. */
  private static RunResult off(PkvmVcpu v) {
    v.stopped = true;
    return new RunResult(Errno.EINTR, INTERRUPTED);
  }

  private long on(long affinity, long entry, long alreadyOn) {
    PkvmVcpu target = null;
    for (VcpuContext c : vm.vcpus()) {
      if (c.vendorState() instanceof PkvmVcpu v && v.affinity() == affinity) {
        target = v;
      }
    }
    if ((affinity & ~AFFINITY_BITS) != 0 || target == null) {
      return INVALID_PARAMS;
    }
    if (!target.stopped) {
      return alreadyOn;
    }
    target.stopped = false;
    target.progress.reset(entry);
    return SUCCESS;
  }

  private long affinityInfo(long affinity, long level) {
    if ((affinity & ~AFFINITY_BITS) != 0 || level > 3 || level < 0) {
      return INVALID_PARAMS;
    }
    long mask = AFFINITY_BITS & -(1L << (level == 3 ? 32 : level * 8));
    boolean found = false;
    for (VcpuContext c : vm.vcpus()) {
      if (c.vendorState() instanceof PkvmVcpu v && (v.affinity() & mask) == (affinity & mask)) {
        found = true;
        if (!v.stopped) {
          return 0;
        }
      }
    }
    return found ? 1 : INVALID_PARAMS;
  }

  /** Every vCPU stops until it is initialised again (kvm_prepare_system_event). */
  private RunResult event(int type) {
    for (VcpuContext c : vm.vcpus()) {
      if (c.vendorState() instanceof PkvmVcpu v) {
        v.stopped = true;
      }
    }
    return RunResult.ok(new Exit.SystemEvent(type));
  }

  private static boolean hasWideForm(long fn) {
    return fn == CPU_SUSPEND
        || fn == CPU_ON
        || fn == AFFINITY_INFO
        || fn == SYSTEM_SUSPEND
        || fn == SYSTEM_RESET2
        || fn == SYSTEM_OFF2;
  }
}
