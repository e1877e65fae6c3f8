package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.tdx.guest.VmcallStatus;
import dev.cocovisor.tdx.module.TdxModule;
import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.call.TdCall;
import dev.cocovisor.tdx.module.td.Tdvps;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * TDVMCALLs: what a TD asks of its host through the module.
 *
 * <p>An unknown function is SUBFUNC_UNSUPPORTED. CPUID, HLT, IO and MSRs are {@link
 * TdInstructions}. Source: Linux 7.3, {@code arch/x86/kvm/vmx/tdx.c}, tdcall_to_vmx_exit_reason,
 * handle_tdvmcall, tdx_emulate_mmio, tdx_report_fatal_error, tdx_get_td_vm_call_info,
 * tdx_get_quote, tdx_setup_event_notify_interrupt.
 */
final class Tdvmcall {
  private static final long MMIO = 48;
  private static final long GET_TD_VM_CALL_INFO = 0x10000;
  private static final long GET_QUOTE = 0x10002;
  private static final long REPORT_FATAL_ERROR = 0x10003;
  private static final long SETUP_EVENT_NOTIFY_INTERRUPT = 0x10004;

  /** The names of the Guest-Host Communication Interface. */
  private static final SortedMap<String, Long> FUNCTIONS =
      new TreeMap<>(
          Map.of(
              "MapGPA", MapGpa.FUNCTION,
              "GetTdVmCallInfo", GET_TD_VM_CALL_INFO,
              "GetQuote", GET_QUOTE,
              "ReportFatalError", REPORT_FATAL_ERROR,
              "SetupEventNotifyInterrupt", SETUP_EVENT_NOTIFY_INTERRUPT,
              "CPUID", (long) TdInstructions.CPUID,
              "HLT", (long) TdInstructions.HLT,
              "IO", (long) TdInstructions.IO,
              "MMIO", MMIO));

  private static final long VAPIC_POLL_IRQ = 1;
  private static final long KICK_CPU = 5;
  private static final long SCHED_YIELD = 11;
  private static final long KVM_ENOSYS = 1000;

  private static final int SYSTEM_EVENT_TDX_FATAL = 4;
  private static final int EXIT_SYSTEM_EVENT = 24;
  private static final int EXIT_TDX = 40;

  /** R10 to R15, what a guest passes with a TDVMCALL that has no use for the others. */
  private static final long VMCALL_REGISTERS = 0xfc00;

  private final TdxVm td;
  private final VcpuEntry entry;
  private final TdInstructions instructions;

  Tdvmcall(TdxVm td, VcpuEntry entry) {
    this.td = td;
    this.entry = entry;
    this.instructions = new TdInstructions(td);
  }

  /** An exit that waits for userspace's answer. */
  interface Pending {
    /** Goes on after the answer. */
    RunResult answered(long ret);
  }

  /**
   * Returns the function number an action names in {@code fn}, by its name or its number.
   *
   * @throws IllegalArgumentException if it is a name that no function has
   */
  private static long function(Fields f) {
    Object fn = f.asMap().get("fn");
    if (!(fn instanceof String name)) {
      return f.number("fn", f.number("r11", 0));
    }
    Long number = FUNCTIONS.get(name);
    if (number == null) {
      throw new IllegalArgumentException(
          "fn '" + name + "': a number, or one of " + String.join(", ", FUNCTIONS.keySet()));
    }
    return number;
  }

  private TdxModule module() {
    return td.platform().module();
  }

  /** Makes the call on a vCPU that is inside. */
  RunResult inside(TdxVcpu v, Fields f) {
    Registers r = v.registers;
    r.clear();
    r.rax = TdCall.VP_VMCALL.leaf();
    r.rcx = f.number("mask", VMCALL_REGISTERS);
    r.r10 = f.number("r10", 0);
    r.r11 = function(f);
    r.r12 = f.number("r12", f.number("gpa", 0));
    r.r13 = f.number("r13", f.number("size", 0));
    r.r14 = f.number("r14", 0);
    r.r15 = f.number("r15", 0);
    GuestOutcome outcome = module().tdcall(v.lp, r);
    td.seam().guest(TdCall.VP_VMCALL, f, outcome, r.rax);
    if (outcome == GuestOutcome.DONE) {
      // The module refused to pass these registers; the host never hears of the call.
      entry.leave(v, true);
      return done(r.rax);
    }
    entry.outside(v);
    Tdvps vp = module().vcpu(v.tdvpr);
    if (vp != null) {
      vp.advanceRip();
    }
    return handle(v, module().exitRegisters(v.lp));
  }

  private RunResult handle(TdxVcpu v, Registers r) {
    if (r.r10 != 0) {
      return hypercall(v, r.r10, new long[] {r.r11, r.r12, r.r13, r.r14});
    }
    if (r.r11 == MapGpa.FUNCTION) {
      return mapGpa(v, r);
    } else if (r.r11 == MMIO) {
      return mmio(r);
    } else if (r.r11 == REPORT_FATAL_ERROR) {
      return fatal(r);
    } else if (r.r11 == GET_TD_VM_CALL_INFO) {
      return callInfo(v, r);
    } else if (r.r11 == GET_QUOTE) {
      return quote(v, r);
    } else if (r.r11 == SETUP_EVENT_NOTIFY_INTERRUPT) {
      return notifyInterrupt(v, r);
    }
    RunResult instruction = instructions.run(v, r);
    return instruction != null ? instruction : done(VmcallStatus.SUBFUNC_UNSUPPORTED);
  }

  /**
   * Sixteen registers in the order of their numbers. RSP and RBP are never passed; a guest here
   * passes no RBX, RSI and RDI either.
   */
  private static RunResult fatal(Registers r) {
    List<Object> data =
        List.of(
            r.rax, r.rcx, r.rdx, 0L, 0L, 0L, 0L, 0L, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14,
            r.r15);
    return RunResult.ok(
        new Exit.Vendor(
            EXIT_SYSTEM_EVENT,
            "KVM_EXIT_SYSTEM_EVENT",
            new Fields()
                .put("type", SYSTEM_EVENT_TDX_FATAL)
                .put("ndata", data.size())
                .putAny("data", data)));
  }

  private static RunResult done(long status) {
    return RunResult.ok(new Exit.Hlt(status));
  }

  private RunResult mapGpa(TdxVcpu v, Registers r) {
    if (!exits()) {
      return done(VmcallStatus.SUBFUNC_UNSUPPORTED);
    }
    return ended(v, new MapGpa(td, r.r12, r.r13));
  }

  private RunResult ended(TdxVcpu v, MapGpa call) {
    RunResult r = call.begin();
    v.pending = r.exit() instanceof Exit.Hypercall ? call : null;
    return r;
  }

  private boolean isPrivate(long gpa) {
    return ((gpa >>> PageLevel.PAGE_SHIFT) & td.sharedGfnMask()) == 0;
  }

  private long withoutSharedBit(long gpa) {
    return gpa & ~(td.sharedGfnMask() << PageLevel.PAGE_SHIFT);
  }

  /** MMIO: only at shared addresses, which userspace emulates; the guest finds nothing private. */
  private RunResult mmio(Registers r) {
    // KVM keeps both in an int: what is above is not looked at.
    int size = (int) r.r12;
    int write = (int) r.r13;
    boolean sized = size == 1 || size == 2 || size == 4 || size == 8;
    if (!sized || (write != 0 && write != 1) || isPrivate(r.r14) || isPrivate(r.r14 + size - 1)) {
      return done(VmcallStatus.INVALID_OPERAND);
    }
    return RunResult.ok(new Exit.Mmio(withoutSharedBit(r.r14), size, write == 1));
  }

  private RunResult callInfo(TdxVcpu v, Registers r) {
    if (r.r12 == 0) {
      return done(VmcallStatus.SUCCESS);
    }
    if (r.r12 != 1) {
      return done(VmcallStatus.INVALID_OPERAND);
    }
    return asks(v, GET_TD_VM_CALL_INFO, new Fields().put("leaf", r.r12));
  }

  private RunResult quote(TdxVcpu v, Registers r) {
    if (isPrivate(r.r12)) {
      return done(VmcallStatus.INVALID_OPERAND);
    }
    return asks(v, GET_QUOTE, new Fields().put("gpa", withoutSharedBit(r.r12)).put("size", r.r13));
  }

  private RunResult notifyInterrupt(TdxVcpu v, Registers r) {
    if (r.r12 < 32 || r.r12 > 255) {
      return done(VmcallStatus.INVALID_OPERAND);
    }
    return asks(v, SETUP_EVENT_NOTIFY_INTERRUPT, new Fields().put("vector", r.r12));
  }

  /** KVM_EXIT_TDX: userspace's answer is the guest's status. */
  private static RunResult asks(TdxVcpu v, long function, Fields what) {
    v.pending = Tdvmcall::done;
    Fields fields = new Fields().put("flags", 0).put("nr", function);
    for (String name : what.asMap().keySet()) {
      fields.put(name, what.number(name));
    }
    return RunResult.ok(new Exit.Vendor(EXIT_TDX, "KVM_EXIT_TDX", fields));
  }

  /**
   * A TDVMCALL whose R10 is not 0 is KVM's own hypercall, with 64-bit operands (tdx_emulate_vmcall;
   * x86.c, ____kvm_emulate_hypercall): R10 names it and becomes its answer.
   */
  RunResult hypercall(TdxVcpu v, long nr, long[] args) {
    if (nr == VAPIC_POLL_IRQ || nr == KICK_CPU || nr == SCHED_YIELD) {
      return done(0);
    }
    if (nr != MapGpa.HC_MAP_GPA_RANGE || !exits()) {
      return done(-KVM_ENOSYS);
    }
    long gfn = argument(args, 0) >>> PageLevel.PAGE_SHIFT;
    long pages = argument(args, 1);
    if ((argument(args, 0) & (PageLevel.PAGE_SIZE - 1)) != 0
        || Long.compareUnsigned(gfn + pages, gfn) <= 0) {
      return done(-Errno.EINVAL.number());
    }
    v.pending = Tdvmcall::done;
    long[] passed = {argument(args, 0), pages, argument(args, 2)};
    return RunResult.ok(new Exit.Hypercall(nr, passed, MapGpa.LONG_MODE));
  }

  private static long argument(long[] args, int i) {
    return i < args.length ? args[i] : 0;
  }

  private boolean exits() {
    return (td.vm().exitHypercalls() >>> MapGpa.HC_MAP_GPA_RANGE & 1) != 0;
  }

  /** Userspace answered; null where no call waits. */
  @Nullable RunResult resume(TdxVcpu v, long ret) {
    Pending call = v.pending;
    if (call == null) {
      return null;
    }
    RunResult r = call.answered(ret);
    boolean goesOn = r.errno().ok() && r.exit() instanceof Exit.Hypercall;
    v.pending = goesOn ? call : null;
    return r;
  }
}
