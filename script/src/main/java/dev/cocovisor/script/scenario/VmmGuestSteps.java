package dev.cocovisor.script.scenario;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.script.call.CallArgs;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.call.ExitValues;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.List;

/**
 * The steps in which a guest runs or gets memory: it reads, writes, accepts, asks for a conversion.
 *
 * <p>An instruction that completed may still tell the guest that it failed; the step then prints
 * {@code GUEST_STATUS}.
 */
final class VmmGuestSteps {
  private final KvmProcess process;
  private final VmmDriver driver;

  VmmGuestSteps(KvmProcess process, VmmDriver driver) {
    this.process = process;
    this.driver = driver;
  }

  /** The guest reads a byte. */
  Reply read(VmmMachine m, CallArgs a) {
    var action = new GuestAction.Read(address(m, a), GuestAction.NO_CODE, !shared(a));
    return ran(m.calls().guestRun(vcpu(m, a), action), "read");
  }

  /** The guest writes a byte. */
  Reply write(VmmMachine m, CallArgs a) {
    int value = (int) a.field(1, "value") & 0xff;
    var action = new GuestAction.Write(address(m, a), value, GuestAction.NO_CODE, !shared(a));
    return ran(m.calls().guestRun(vcpu(m, a), action), "write");
  }

  /** The guest accepts memory, by whatever instruction its technology has. */
  Reply accept(VmmMachine m, CallArgs a) {
    PageLevel level =
        switch (a.textField(1, "level", "4K")) {
          case "4K" -> PageLevel.PG_4K;
          case "2M" -> PageLevel.PG_2M;
          case "1G" -> PageLevel.PG_1G;
          default -> throw new IllegalArgumentException("level is none of 4K, 2M, 1G");
        };
    return guestDoes(m, a, driver.accept(m, gpa(a), a.field(1, "size"), level));
  }

  /** Memory changes sides: at the guest's request, or because the host says so. */
  Reply convert(VmmMachine m, CallArgs a) {
    long gpa = gpa(a);
    long size = a.field(1, "size");
    boolean toPrivate = isPrivate(a.textField(1, "to", "private"));
    if (a.textField(1, "by", "guest").equals("host")) {
      return CallRunner.plain(driver.convert(m, gpa, size, toPrivate));
    }
    boolean converted = false;
    for (GuestAction action : driver.askConversion(m, gpa, size, toPrivate)) {
      RunResult run = process.guestRun(vcpu(m, a), action);
      if (leavesToHost(run.exit())) {
        long ret = driver.convert(m, gpa, size, toPrivate);
        converted = true;
        if (ret < 0) {
          return CallRunner.plain(ret);
        }
        GuestAction on = driver.resume(m, run.exit(), 0);
        if (on == null) {
          // Nobody waits for an answer: the guest finds its memory converted at its next entry.
          continue;
        }
        run = process.guestRun(vcpu(m, a), on);
      }
      if (!completed(run)) {
        return ran(run, "write");
      }
    }
    if (!converted) {
      long ret = driver.convert(m, gpa, size, toPrivate);
      if (ret < 0) {
        return CallRunner.plain(ret);
      }
    }
    return toPrivate
        ? guestDoes(m, a, driver.accept(m, gpa, size, PageLevel.PG_4K))
        : CallRunner.plain(0);
  }

  private Reply guestDoes(VmmMachine m, CallArgs a, List<GuestAction> actions) {
    for (GuestAction action : actions) {
      RunResult run = process.guestRun(vcpu(m, a), action);
      if (!completed(run)) {
        return ran(run, "write");
      }
      long status = status(run.exit());
      if (status != 0) {
        // The instruction completed and told the guest that it did not do what was asked.
        return Reply.of(
            LogResult.of(Value.Num.of(0))
                .with(
                    new LogResult.Exit(
                        "GUEST_STATUS", List.of(Value.Field.of("status", Value.Num.hex(status))))));
      }
    }
    return CallRunner.plain(0);
  }

  /** Returns what a completed instruction told the guest, 0 for success. */
  private static long status(Exit exit) {
    long value =
        switch (exit) {
          case Exit.Hlt e -> e.value();
          case Exit.Done e -> e.value();
          case Exit.Vendor e -> e.fields().number("status", e.fields().number("rax", 0));
          default -> 0;
        };
    return value == -1 ? 0 : value;
  }

  private static boolean leavesToHost(Exit exit) {
    return exit instanceof Exit.Hypercall
        || exit instanceof Exit.MemoryFault
        || (exit instanceof Exit.Vendor v && v.reason() > 0 && !halted(v));
  }

  private static boolean completed(RunResult run) {
    return run.errno().ok()
        && switch (run.exit()) {
          case Exit.Hlt _, Exit.Done _ -> true;
          case Exit.Vendor v -> halted(v);
          default -> false;
        };
  }

  /** Tells whether a vendor's end is a completed action that only carries more details. */
  private static boolean halted(Exit.Vendor v) {
    return v.reason() < 0 || v.name().equals("KVM_EXIT_HLT");
  }

  /** The host maps memory before the guest asks. */
  Reply prefault(VmmMachine m, CallArgs a) {
    long[] range = {gpa(a), a.field(1, "size")};
    long ret = process.preFaultMemory(vcpu(m, a), 0, range);
    var written =
        new Value.Struct(
            List.of(
                Value.Field.of("at", Value.Num.hex(range[0] - driver.ramBase())),
                Value.Field.of("size", Value.Num.hex(range[1]))));
    return new Reply(CallRunner.plain(ret).result(), written, false);
  }

  private long address(VmmMachine m, CallArgs a) {
    return driver.guestAddress(m, gpa(a), shared(a));
  }

  private static boolean shared(CallArgs a) {
    return a.field(1, "shared", 0) != 0;
  }

  private static boolean isPrivate(String to) {
    return switch (to) {
      case "private" -> true;
      case "shared" -> false;
      default -> throw new IllegalArgumentException("to is none of private, shared");
    };
  }

  private static int vcpu(VmmMachine m, CallArgs a) {
    long index = a.field(1, "vcpu", 0);
    if (index < 0 || index >= m.vcpuFds().size()) {
      throw new IllegalArgumentException("the VM has no vCPU " + index);
    }
    return m.vcpuFds().get((int) index);
  }

  private static Reply ran(RunResult run, String what) {
    LogResult result =
        run.errno().ok() ? LogResult.of(Value.Num.of(0)) : LogResult.failed(run.errno().name());
    LogResult.Exit exit = ExitValues.of(run.exit(), what);
    boolean done = run.exit() instanceof Exit.Hlt || run.exit() instanceof Exit.Done;
    return Reply.of(result.with(done ? new LogResult.Exit("OK", exit.fields()) : exit));
  }

  private long gpa(CallArgs a) {
    return driver.ramBase() + a.field(1, "at");
  }
}
