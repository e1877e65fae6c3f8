package dev.cocovisor.script.lift;

import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.script.call.CallDecoder;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.Symbols;
import dev.cocovisor.script.call.Words;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.scenario.StepEncoder;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogLine;
import dev.cocovisor.script.text.LogReader;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Makes a scenario of the log of one VMM. Calls that failed, and whatever has nothing to do with
 * memory, leave no step.
 */
public final class LogLift {
  private static final int PUNCH_HOLE = 2;
  private static final int DONTNEED = 4;

  /** KVM_HC_MAP_GPA_RANGE, and the bit of its attributes that asks for private memory. */
  private static final long MAP_GPA_RANGE = 12;

  private static final long ENCRYPTED = 0x10;
  private static final long FAULT_PRIVATE = 8;

  /** A vCPU of the log. */
  private record Vcpu(LiftedVm vm, int place) {}

  private final List<List<Step>> programs = new ArrayList<>();
  private List<Step> steps = new ArrayList<>();
  private final Map<Long, LiftedVm> vms = new HashMap<>();
  private final Map<Long, Vcpu> vcpus = new HashMap<>();
  private int launched;

  /** VMs launched in the program that is read. */
  private int numbered;

  private long calls;
  private long unread;

  private LogLift() {}

  /**
   * Lifts a log.
   *
   * @throws IOException if it cannot be read
   * @throws LogSyntaxException if it breaks the grammar
   */
  public static LogLift of(LogSource log) throws IOException {
    var lift = new LogLift();
    try (var reader = new LogReader(log)) {
      for (LogLine l = reader.next(); l != null; l = reader.next()) {
        if (l instanceof LogLine.ProgramStart) {
          lift.end();
        } else if (l instanceof LogCall c) {
          lift.calls++;
          lift.call(log.name(), c);
        }
      }
    }
    lift.end();
    return lift;
  }

  /** Returns the calls read. */
  public long calls() {
    return calls;
  }

  /**
   * Returns how many calls tell nothing of a VM: the notation has them without meaning for memory,
   * or they have no result.
   */
  public long unread() {
    return unread;
  }

  /** Returns how many VMs were lifted. */
  public int launched() {
    return launched;
  }

  /** Returns how many steps came of them. */
  public long steps() {
    return programs.stream().mapToLong(List::size).sum();
  }

  /** Returns the scenario; a program for each program of the log that launched a VM. */
  public String text() {
    var out = new StringBuilder();
    for (int i = 0; i < programs.size(); i++) {
      if (programs.size() > 1) {
        out.append("# program ").append(i).append('\n');
      }
      for (Step s : programs.get(i)) {
        out.append(LogWriter.line(StepEncoder.encode(s))).append('\n');
      }
    }
    return out.toString();
  }

  private void end() {
    if (!steps.isEmpty()) {
      programs.add(List.copyOf(steps));
    }
    steps = new ArrayList<>();
    vms.clear();
    vcpus.clear();
    numbered = 0;
  }

  private static @Nullable KvmCall decoded(String file, LogCall call) {
    try {
      return CallDecoder.decode(file, call, Words.KERNEL);
    } catch (LogSyntaxException _) {
      return null;
    }
  }

  private void call(String file, LogCall call) {
    KvmCall typed = decoded(file, call);
    LogResult result = call.result();
    if (typed == null || result == null) {
      unread++;
      return;
    }
    if (typed instanceof KvmCall.GuestRun run) {
      ran(run, result);
      return;
    }
    if (result.isError()) {
      return;
    }
    Long opened = Symbols.number(result.value());
    switch (typed) {
      case KvmCall.CreateVm _ -> {
        if (opened != null) {
          vms.put(opened, new LiftedVm());
        }
      }
      case KvmCall.CreateVcpu c -> {
        LiftedVm vm = vms.get(c.fd());
        if (opened != null && vm != null) {
          vcpus.put(opened, new Vcpu(vm, vm.vcpu(c.id())));
        }
      }
      case KvmCall.SetRegion r -> {
        LiftedVm vm = vms.get(r.fd());
        if (vm != null) {
          vm.region(r, steps);
        }
      }
      case KvmCall.SetAttributes a -> {
        LiftedVm vm = vms.get(a.fd());
        if (vm != null) {
          vm.attributes(a, steps);
        }
      }
      case KvmCall.Fallocate f when (f.mode() & PUNCH_HOLE) != 0 ->
          vms.values().forEach(vm -> vm.punched(f.fd(), f.off(), f.len(), steps));
      case KvmCall.Madvise m when m.advice() == DONTNEED ->
          vms.values().forEach(vm -> vm.discarded(m.addr(), m.len(), steps));
      case KvmCall.PreFault p -> {
        Vcpu v = vcpus.get(p.fd());
        if (v != null) {
          launch(v.vm);
          v.vm.prefaulted(v.place, p, steps);
        }
      }
      case KvmCall.Close c -> {
        LiftedVm vm = vms.remove(c.fd());
        if (vm != null) {
          vm.closed(steps);
        }
        vcpus.remove(c.fd());
      }
      default -> {}
    }
  }

  private void launch(LiftedVm vm) {
    if (!vm.isLaunched()) {
      vm.launch(numbered + 1, steps);
      if (vm.isLaunched()) {
        launched++;
        numbered++;
      }
    }
  }

  private void ran(KvmCall.GuestRun run, LogResult result) {
    Vcpu v = vcpus.get(run.fd());
    if (v == null) {
      return;
    }
    launch(v.vm);
    switch (run.action()) {
      case GuestAction.Read a -> v.vm.touched(v.place, a.gpa(), false, null, steps);
      case GuestAction.Write a -> v.vm.touched(v.place, a.gpa(), true, null, steps);
      case GuestAction.Fetch a -> v.vm.touched(v.place, a.gpa(), false, null, steps);
      case GuestAction.Hypercall a when a.nr() == MAP_GPA_RANGE ->
          v.vm.asked(a.args()[0], a.args()[1], (a.args()[2] & ENCRYPTED) != 0, v.place, steps);
      default -> exit(v, result.exit());
    }
  }

  /** What an exit of KVM_RUN tells of the guest. */
  private void exit(Vcpu v, LogResult.@Nullable Exit exit) {
    if (exit == null) {
      return;
    }
    switch (exit.reason()) {
      case "KVM_EXIT_MEMORY_FAULT" -> {
        Long gpa = number(exit.get("gpa"));
        Long flags = number(exit.get("flags"));
        if (gpa != null && flags != null) {
          v.vm.touched(v.place, gpa, false, (flags & FAULT_PRIVATE) != 0, steps);
        }
      }
      case "KVM_EXIT_MMIO" -> {
        // Where there is memory, it is memory the guest may not write.
        Long gpa = number(exit.get("phys_addr"));
        Long write = number(exit.get("is_write"));
        if (gpa != null && write != null) {
          v.vm.touched(v.place, gpa, write != 0, null, steps);
        }
      }
      case "KVM_EXIT_HYPERCALL" -> {
        Long nr = number(exit.get("nr"));
        if (nr != null
            && nr == MAP_GPA_RANGE
            && exit.get("args") instanceof Value.Struct s
            && s.fields().size() >= 3) {
          Long gpa = number(s.fields().get(0).value());
          Long pages = number(s.fields().get(1).value());
          Long attributes = number(s.fields().get(2).value());
          if (gpa != null && pages != null && attributes != null) {
            v.vm.asked(gpa, pages, (attributes & ENCRYPTED) != 0, v.place, steps);
          }
        }
      }
      default -> {}
    }
  }

  private static @Nullable Long number(@Nullable Value v) {
    return v == null ? null : Symbols.number(v);
  }
}
