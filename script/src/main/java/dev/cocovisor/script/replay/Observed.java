package dev.cocovisor.script.replay;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.core.host.MachineIoctls;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.call.Symbols;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.script.scenario.Session;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Judges a program that was a real one, watched from outside: what it did to guest memory is
 * carried out and compared; what is the machine's (registers, interrupts, how a device answers) or
 * was not seen is counted by kind and left out.
 *
 * <p>A KVM_RUN is what its exit says: an exit at an address is an access there, which must end the
 * same way on the model; an exit that has nothing to do with memory tells nothing. Once a slot, an
 * attribute or a guest_memfd of a VM was not seen, nothing is expected of that VM's accesses.
 */
final class Observed {
  /** Capabilities whose answers follow from how memory is managed. */
  private static final Set<Capability> OF_MEMORY =
      EnumSet.of(
          Capability.KVM_CAP_USER_MEMORY,
          Capability.KVM_CAP_USER_MEMORY2,
          Capability.KVM_CAP_SYNC_MMU,
          Capability.KVM_CAP_READONLY_MEM,
          Capability.KVM_CAP_NR_MEMSLOTS,
          Capability.KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
          Capability.KVM_CAP_JOIN_MEMORY_REGIONS_WORKS,
          Capability.KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
          Capability.KVM_CAP_EXIT_HYPERCALL,
          Capability.KVM_CAP_MEMORY_FAULT_INFO,
          Capability.KVM_CAP_MEMORY_ATTRIBUTES,
          Capability.KVM_CAP_GUEST_MEMFD,
          Capability.KVM_CAP_GUEST_MEMFD_FLAGS,
          Capability.KVM_CAP_PRE_FAULT_MEMORY,
          Capability.KVM_CAP_VM_TYPES);

  /** Calls that take a descriptor first. */
  private static final Set<String> ON_DESCRIPTOR =
      Set.of(
          "ioctl",
          "close",
          "dup",
          "fallocate",
          "fstat",
          "ftruncate",
          "read",
          "write",
          "pread64",
          "pwrite64");

  /** Calls after which, if they were not understood, a VM's memory is not known any more. */
  private static final Set<String> OF_VM_MEMORY =
      Set.of(
          "KVM_SET_USER_MEMORY_REGION",
          "KVM_SET_USER_MEMORY_REGION2",
          "KVM_SET_MEMORY_ATTRIBUTES",
          "KVM_CREATE_GUEST_MEMFD",
          "KVM_PRE_FAULT_MEMORY");

  /** Answers how many entries userspace took from the rings. */
  private static final String RESET_RINGS = "KVM_RESET_DIRTY_RINGS";

  /** How the model says that a guest did what it wanted. */
  private static final Set<String> ENDS = Set.of("KVM_EXIT_HLT", "DONE");

  /**
   * A line's answer that counts.
   *
   * @param stated the line with what is expected of it
   * @param reply what the model answered
   */
  record Answer(LogCall stated, Reply reply) {}

  private final String file;
  private final boolean strict;
  private final Map<String, Long> skipped = new TreeMap<>();
  private final Set<Long> unsure = new HashSet<>();

  /** vCPUs whose last exit was a hypercall: the next run begins with its answer. */
  private final Set<Long> resuming = new HashSet<>();

  private long compared;

  /**
   * Begins to judge a program.
   *
   * @param file the log's name, for errors
   * @param strict whether a call that would be left out is refused instead
   */
  Observed(String file, boolean strict) {
    this.file = file;
    this.strict = strict;
  }

  /** Returns how many answers counted. */
  long compared() {
    return compared;
  }

  /** Returns how many calls were left out, by kind. */
  Map<String, Long> skipped() {
    return skipped;
  }

  /**
   * Carries out a line as far as it says something; null if nothing can be compared.
   *
   * @throws LogSyntaxException if calls may not be left out, and this one would be
   */
  @Nullable Answer step(Session session, int index, ScenarioLine line) {
    LogCall call = line.call();
    return switch (line.step()) {
      case Step.Unread _ -> {
        lose(session, call);
        yield skip(call, kind(call) + ": its arguments were not seen");
      }
      case Step.Call(KvmCall.HostSetup _) -> {
        var _ = session.step(index);
        yield null;
      }
      case Step.Call(KvmCall typed) -> call(session, index, call, typed);
      default -> {
        Reply reply = session.step(index);
        yield reply == null ? null : answer(call, reply);
      }
    };
  }

  private Answer answer(LogCall stated, Reply reply) {
    compared++;
    return new Answer(stated, reply);
  }

  private @Nullable Answer skip(LogCall call, String why) {
    if (strict) {
      throw new LogSyntaxException(
          file,
          call.line(),
          call.columnOf(-1),
          why + ": --strict refuses what is not compared; without it such calls are counted");
    }
    skipped.merge(why, 1L, Long::sum);
    return null;
  }

  private static String kind(LogCall call) {
    String request =
        call.name().equals("ioctl") && call.args().size() > 1
            ? Symbols.ioctlName(call.args().get(1))
            : null;
    return request == null ? call.name() : request;
  }

  /** A call on a VM's memory was not understood. */
  private void lose(Session session, LogCall call) {
    LogResult result = call.result();
    if (result == null || result.isError() || call.args().isEmpty()) {
      return;
    }
    Long fd = Symbols.number(call.args().getFirst());
    if (fd != null && OF_VM_MEMORY.contains(kind(call))) {
      long vm = session.fds().vmOf(fd);
      unsure.add(vm < 0 ? fd : vm);
    }
  }

  private @Nullable Answer call(Session session, int index, LogCall call, KvmCall typed) {
    if (onUnknownDescriptor(session, call)) {
      return skip(call, kind(call) + ": on a descriptor whose opening was not seen");
    }
    return switch (typed) {
      case KvmCall.VendorIoctl v -> vendor(session, index, call, v);
      case KvmCall.CheckExtension c -> {
        Capability cap = Capability.of((int) c.cap());
        yield cap != null && OF_MEMORY.contains(cap)
            ? carryOut(session, index, call, typed)
            : skip(call, "KVM_CHECK_EXTENSION: of what is the machine's");
      }
      case KvmCall.EnableCap c -> {
        Reply reply = session.carryOut(c, call, index);
        LogResult result = call.result();
        boolean unknown =
            reply.result().error().equals("EINVAL") && result != null && !result.isError();
        Capability cap = Capability.of((int) c.cap());
        yield unknown
            ? skip(call, "KVM_ENABLE_CAP: " + (cap == null ? "of a number" : cap.name()))
            : answer(call, reply);
      }
      case KvmCall.GuestRun run when run.what().equals("run") ->
          run(session, index, call, run.fd());
      case KvmCall.GuestRun run when unsure.contains(session.fds().vmOf(run.fd())) ->
          skip(call, "guest accesses in a VM whose memory was not all seen");
      case KvmCall.GuestRun run -> {
        if (run.what().equals("resume")) {
          resuming.remove(run.fd());
        }
        Reply reply = session.carryOut(run, call, index);
        yield answer(completed(call, reply), reply);
      }
      case KvmCall.Read _, KvmCall.Pread _ when isContents(call) ->
          skip(call, kind(call) + ": contents");
      default -> carryOut(session, index, call, typed);
    };
  }

  /** A file that can be read: what it holds is no answer of the model's. */
  private static boolean isContents(LogCall call) {
    LogResult result = call.result();
    return result != null && !result.isError();
  }

  /**
   * An access that was seen without an exit reached memory; how a guest goes on afterwards is its
   * own matter.
   */
  private static LogCall completed(LogCall call, Reply reply) {
    LogResult result = call.result();
    LogResult.Exit got = reply.result().exit();
    if (result == null || result.isError() || result.exit() != null) {
      return call;
    }
    return got != null && !ENDS.contains(got.reason())
        ? call.withResult(result.with(new LogResult.Exit("KVM_EXIT_HLT", List.of())))
        : call;
  }

  private Answer carryOut(Session session, int index, LogCall call, KvmCall typed) {
    return answer(call, session.carryOut(typed, call, index));
  }

  /** A descriptor may come from before the log, or from a call that was not understood. */
  private static boolean onUnknownDescriptor(Session session, LogCall call) {
    int arg = call.name().equals("mmap") ? 4 : ON_DESCRIPTOR.contains(call.name()) ? 0 : -1;
    if (arg < 0 || arg >= call.args().size()) {
      return false;
    }
    LogResult result = call.result();
    Long fd = Symbols.number(call.args().get(arg));
    return fd != null
        && fd >= 0
        && !session.fds().isBound(fd)
        && (result == null || !result.error().equals("EBADF"));
  }

  private @Nullable Answer vendor(
      Session session, int index, LogCall call, KvmCall.VendorIoctl ioctl) {
    String name = ioctl.command().name();
    if (MachineIoctls.ofCpu(name)) {
      return skip(call, name);
    }
    Reply reply = session.carryOut(ioctl, call, index);
    LogResult result = call.result();
    if (name.equals(RESET_RINGS) && result != null && !result.isError()) {
      return skip(call, name + ": what was harvested was not seen");
    }
    String error = reply.result().error();
    boolean unknown =
        (error.equals("ENOTTY") || error.equals("EINVAL")) && result != null && !result.isError();
    return unknown ? skip(call, name + ": unknown to the model") : answer(call, reply);
  }

  private @Nullable Answer run(Session session, int index, LogCall call, long vcpu) {
    LogResult result = call.result();
    if (result == null || result.error().equals("EINTR") || result.error().equals("EAGAIN")) {
      return skip(call, "KVM_RUN: ended by a signal");
    }
    if (unsure.contains(session.fds().vmOf(vcpu))) {
      return skip(call, "guest accesses in a VM whose memory was not all seen");
    }
    if (resuming.remove(vcpu)) {
      // What the guest does with the answer is seen in what it does next.
      var resume = new GuestAction.Resume(0);
      var _ = session.carryOut(new KvmCall.GuestRun(vcpu, "resume", resume), call, index);
    }
    LogResult.Exit exit = result.exit();
    String reason = exit == null ? "" : exit.reason();
    GuestAction action = exit == null ? null : action(exit);
    if (exit == null || action == null) {
      return skip(call, "KVM_RUN: " + (reason.isEmpty() ? "its exit was not seen" : reason));
    }
    if (reason.equals("KVM_EXIT_HYPERCALL")) {
      resuming.add(vcpu);
    }
    Reply reply = session.carryOut(new KvmCall.GuestRun(vcpu, what(action), action), call, index);
    return answer(call.withResult(result.with(comparable(exit))), reply);
  }

  private static String what(GuestAction action) {
    return switch (action) {
      case GuestAction.Write _ -> "write";
      case GuestAction.Hypercall _ -> "hypercall";
      default -> "read";
    };
  }

  /** What the guest did that ended so; null if it had nothing to do with an address. */
  private static @Nullable GuestAction action(LogResult.Exit exit) {
    return switch (exit.reason()) {
      case "KVM_EXIT_MMIO" -> {
        Long at = number(exit, "phys_addr");
        Long write = number(exit, "is_write");
        yield at == null
            ? null
            : write != null && write != 0
                ? new GuestAction.Write(at, 0, GuestAction.NO_CODE, true)
                : new GuestAction.Read(at, GuestAction.NO_CODE, true);
      }
      case "KVM_EXIT_MEMORY_FAULT" -> {
        Long at = number(exit, "gpa");
        Long flags = number(exit, "flags");
        yield at == null
            ? null
            : new GuestAction.Read(at, GuestAction.NO_CODE, flags != null && (flags & 8) != 0);
      }
      case "KVM_EXIT_HYPERCALL" -> {
        Long nr = number(exit, "nr");
        yield nr == null || !(exit.get("args") instanceof Value.Struct s)
            ? null
            : new GuestAction.Hypercall(nr, arguments(s), GuestAction.NO_CODE);
      }
      default -> null;
    };
  }

  private static long[] arguments(Value.Struct s) {
    long[] args = new long[4];
    for (int i = 0; i < Math.min(args.length, s.fields().size()); i++) {
      Long n = Symbols.number(s.fields().get(i).value());
      args[i] = n == null ? 0 : n;
    }
    return args;
  }

  private static @Nullable Long number(LogResult.Exit exit, String name) {
    Value v = exit.get(name);
    return v == null ? null : Symbols.number(v);
  }

  /**
   * How many bytes an instruction moved is the machine's, for the model's accesses are bytes; so is
   * the mode of the CPU, which a hypercall's flags tell.
   */
  private static LogResult.Exit comparable(LogResult.Exit exit) {
    String left = exit.reason().equals("KVM_EXIT_HYPERCALL") ? "flags" : "len";
    List<Value.Field> fields = exit.fields().stream().filter(f -> !f.name().equals(left)).toList();
    return new LogResult.Exit(exit.reason(), fields);
  }
}
