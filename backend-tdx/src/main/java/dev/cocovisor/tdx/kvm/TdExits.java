package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import org.jspecify.annotations.Nullable;

/**
 * TD exits that the guest did not ask for, and what KVM makes of each.
 *
 * <p>An EPT misconfiguration is KVM's own bug, but only if the whole status says that and nothing
 * else: with a bus lock on the way it is an exit nobody has a handler for. What ended the vCPU or
 * the TD has none either, but for a triple fault. A bus lock makes a run end that would have gone
 * on, and is told in {@code kvm_run.flags} beside any other exit. Source: Linux 7.3, {@code
 * arch/x86/kvm/vmx/tdx.c}, tdx_vcpu_run, tdx_to_vmx_exit_reason, __tdx_handle_exit,
 * tdx_handle_exit, tdx_handle_exception_nmi; {@code common.h}, __vt_handle_notify; {@code main.c},
 * vt_handle_bus_lock_vmexit.
 */
final class TdExits {
  private static final int UNEXPECTED_EXIT_REASON = 4;
  private static final int EXIT_SHUTDOWN = 8;
  private static final int EXIT_INTERNAL_ERROR = 17;
  private static final int EXIT_BUS_LOCK = 33;
  private static final int EXIT_NOTIFY = 37;

  private static final long NOTIFY_ENABLED = 1;
  private static final long NOTIFY_USER = 2;

  /** KVM_RUN_X86_BUS_LOCK. */
  private static final long RUN_BUS_LOCK = 2;

  private static final long REASON = 0xffff;

  /** TDX_ERROR and TDX_NON_RECOVERABLE. */
  private static final long NO_SUCCESS = 3L << 62;

  private final TdxVm td;
  private final VcpuEntry entry;

  TdExits(TdxVm td, VcpuEntry entry) {
    this.td = td;
    this.entry = entry;
  }

  /** Lets the processor of a vCPU that is inside do something, and handles the exit. */
  RunResult inside(TdxVcpu v, Fields f) {
    TdExitCause cause = TdExitCause.of(f);
    if (!exits(v, cause)) {
      entry.leave(v, true);
      return goesOn();
    }
    boolean busLock = v.busLockExits && f.number("bus_lock", 0) != 0;
    boolean invalid = cause == TdExitCause.NOTIFY && f.number("context_invalid", 0) != 0;
    entry.exit(
        v,
        cause.reason | (busLock ? TdExitCause.BUS_LOCK_DETECTED : 0),
        invalid ? 1 : cause.qualification,
        cause.interruption);
    return handle(v, td.platform().module().exitRegisters(v.lp));
  }

  /** Two causes are none unless KVM_TDX_INIT_VCPU told the processor to exit for them. */
  private static boolean exits(TdxVcpu v, TdExitCause cause) {
    return switch (cause) {
      case BUS_LOCK -> v.busLockExits;
      case NOTIFY -> (v.notifyExits & NOTIFY_ENABLED) != 0;
      default -> true;
    };
  }

  /** The guest never notices. */
  private static RunResult goesOn() {
    return RunResult.ok(new Exit.Hlt(-1));
  }

  private RunResult handle(TdxVcpu v, Registers e) {
    long status = e.rax;
    if (status == TdExitCause.EPT_MISCONFIG.reason) {
      td.bug("an EPT misconfiguration of the shared half");
      return new RunResult(Errno.EIO, new Exit.Unknown());
    }
    boolean busLock =
        (status & TdExitCause.BUS_LOCK_DETECTED) != 0 || status == TdExitCause.BUS_LOCK.reason;
    Exit exit = exit(v, status);
    if (!busLock) {
      return exit == null ? goesOn() : RunResult.ok(exit);
    }
    return RunResult.ok(withBusLock(exit));
  }

  /** Returns how the run ends, or null where it goes on. */
  private @Nullable Exit exit(TdxVcpu v, long status) {
    int reason = (int) (status & REASON);
    if (reason == TdExitCause.TRIPLE_FAULT.reason) {
      return new Exit.Shutdown();
    }
    if ((status & NO_SUCCESS) != 0 || !isHandled(reason)) {
      return unexpected(status);
    }
    boolean told = reason == TdExitCause.NOTIFY.reason && (v.notifyExits & NOTIFY_USER) != 0;
    return told
        ? new Exit.Vendor(EXIT_NOTIFY, "KVM_EXIT_NOTIFY", new Fields().put("flags", 0))
        : null;
  }

  private static boolean isHandled(int reason) {
    return reason == TdExitCause.NMI.reason
        || reason == TdExitCause.EXTERNAL_INTERRUPT.reason
        || reason == TdExitCause.OTHER_SMI.reason
        || reason == TdExitCause.BUS_LOCK.reason
        || reason == TdExitCause.NOTIFY.reason;
  }

  /** The run ends with 0 and an exit that says that KVM does not know. */
  Exit unexpected(long status) {
    td.vm()
        .host()
        .trace()
        .refused(SeamStatus.describe(status), () -> "KVM has no handler for this TD exit");
    return new Exit.KvmInternalError(UNEXPECTED_EXIT_REASON);
  }

  /** Says in kvm_run.flags that there was a bus lock; the exit is its own if there is no other. */
  private static Exit withBusLock(@Nullable Exit other) {
    Fields fields = new Fields();
    int reason = EXIT_BUS_LOCK;
    String name = "KVM_EXIT_X86_BUS_LOCK";
    if (other instanceof Exit.Vendor e) {
      reason = e.reason();
      name = e.name();
      fields.put("flags", e.fields().number("flags", 0));
    } else if (other instanceof Exit.KvmInternalError e) {
      reason = EXIT_INTERNAL_ERROR;
      name = e.name();
      fields.put("suberror", e.suberror());
    } else if (other != null) {
      reason = EXIT_SHUTDOWN;
      name = other.name();
    }
    return new Exit.Vendor(reason, name, fields.put("run_flags", RUN_BUS_LOCK));
  }
}
