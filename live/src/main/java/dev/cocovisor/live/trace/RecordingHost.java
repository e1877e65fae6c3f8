package dev.cocovisor.live.trace;

import dev.cocovisor.live.kvm.HostProfile;
import dev.cocovisor.live.kvm.Machine;
import dev.cocovisor.live.kvm.NoKvmException;
import dev.cocovisor.live.sys.Libc;
import dev.cocovisor.script.call.Calls;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a recording says of the machine it was made on. */
public final class RecordingHost {
  private static final Path SCOPE = Path.of("/proc/sys/kernel/yama/ptrace_scope");

  private RecordingHost() {}

  /** Returns why nothing can be recorded here; null where it can. */
  public static @Nullable String refusal() {
    if (!Libc.isLinux()) {
      return "this is not Linux; import a trace instead: cocovisor import STRACE";
    }
    return read(SCOPE).equals("3")
        ? "ptrace is forbidden ("
            + SCOPE
            + " is 3); import a trace made elsewhere: cocovisor import"
        : null;
  }

  /** Returns the remarks that begin a log. */
  public static String remarks(List<String> command, boolean touches) {
    return "# Recorded by cocovisor record"
        + (command.isEmpty() ? "" : ": " + String.join(" ", command).replaceAll("\\s+", " "))
        + "\n# Linux "
        + read(Path.of("/proc/sys/kernel/osrelease"))
        + ", "
        + System.getProperty("os.arch")
        + ", "
        + (TouchTrace.nested() ? "nested paging" : "shadow MMU")
        + (touches ? "" : "; what guests touched was not recorded")
        + "\n";
  }

  /** Returns the line that begins each program. */
  public static LogCall header() {
    var fields = new ArrayList<Value.Field>();
    try {
      fields.addAll(HostProfile.of(Machine.ask()));
    } catch (NoKvmException _) {
      // The command may have its own ways to KVM; of the machine nothing is known then.
      fields.clear();
    }
    // Each program that is recorded has its own, and no call maps it.
    fields.add(Value.Field.of("core.vvar", Value.Num.of(0)));
    fields.add(Value.Field.of("recorder", new Value.Str("cocovisor record", false)));
    return Calls.call("host_config", new Value.Struct(List.copyOf(fields)))
        .withResult(LogResult.of(Value.Num.of(0)));
  }

  private static String read(Path file) {
    try {
      return Files.readString(file).strip();
    } catch (IOException _) {
      return "";
    }
  }
}
