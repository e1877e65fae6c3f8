package dev.cocovisor.live.strace;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One line that strace printed, told apart by its shape; what its words mean is not looked at.
 *
 * <p>In front may stand a process id ({@code 277}, {@code 277<qemu>}, {@code [pid 277]}) and a time
 * in any of strace's forms. Source: strace's manual, options -f, -r, -t, -tt, -ttt, -Y, -k and
 * --kvm.
 */
public sealed interface StraceLine {
  /**
   * Returns the process (or thread) that the line is about, 0 where the trace has only one and does
   * not say.
   */
  int pid();

  /**
   * A call from its name to its result.
   *
   * @param text the line from the call's name on
   */
  record Call(int pid, String text) implements StraceLine {}

  /**
   * A call that another thread's line cut off; its result follows in {@link Resumed}.
   *
   * @param head the call as far as it goes
   */
  record Unfinished(int pid, String head) implements StraceLine {}

  /**
   * The rest of a call that was cut off.
   *
   * @param name the call's name
   * @param tail what stands behind {@code resumed>}
   */
  record Resumed(int pid, String name, String tail) implements StraceLine {}

  /**
   * What a vCPU's shared page held, before ({@code >}) or after ({@code <}) KVM_RUN.
   *
   * @param pid always 0, strace does not say
   * @param vcpu the vCPU's number
   * @param after whether it is the state after the run
   * @param struct the fields in braces
   */
  record VcpuState(int pid, int vcpu, boolean after, String struct) implements StraceLine {}

  /** A signal, the end of a process, or a word of strace's own. */
  record Remark(int pid, String text) implements StraceLine {}

  /** Nothing that strace prints. */
  record Foreign(int pid, String text) implements StraceLine {}

  /** Tells a line apart. */
  static StraceLine of(String line) {
    return Shapes.tell(line);
  }

  /** The shapes of lines. */
  final class Shapes {
    private static final Pattern PREFIX =
        Pattern.compile(
            "\\s*(?:\\[pid\\s+(\\d{1,9})(?:<[^>]*>)?]\\s*|(\\d{1,9})(?:<[^>]*>)?\\s+)?"
                + "(?:(?:\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?|\\d+\\.\\d+|\\+\\d+\\.\\d+)\\s+)?"
                + "(?:\\(\\+\\s*\\d+\\.\\d+\\)\\s+)?");
    private static final Pattern RESUMED =
        Pattern.compile("<\\.\\.\\.\\s+([A-Za-z_]\\w*)\\s+resumed>(.*)");
    private static final Pattern VCPU = Pattern.compile("\\s*VCPU:(\\d{1,9})([<>])\\s*(\\{.*)");
    private static final Pattern CALL = Pattern.compile("[A-Za-z_]\\w*\\(.*");
    private static final String UNFINISHED = "<unfinished ...>";

    private Shapes() {}

    private static StraceLine tell(String line) {
      Matcher vcpu = VCPU.matcher(line);
      if (vcpu.matches()) {
        return new VcpuState(
            0, Integer.parseInt(vcpu.group(1)), vcpu.group(2).equals("<"), vcpu.group(3).strip());
      }
      Matcher prefix = PREFIX.matcher(line);
      int start = prefix.lookingAt() ? prefix.end() : 0;
      int pid = start == 0 ? 0 : pid(prefix);
      String text = line.substring(start).strip();
      if (text.isEmpty()
          || text.startsWith("---")
          || text.startsWith("+++")
          || text.startsWith("strace:")
          || text.startsWith("> ")
          || text.startsWith("#")) {
        return new Remark(pid, text);
      }
      Matcher resumed = RESUMED.matcher(text);
      if (resumed.matches()) {
        return new Resumed(pid, resumed.group(1), resumed.group(2));
      }
      if (!CALL.matcher(text).matches()) {
        return new Foreign(pid, text);
      }
      int cut = text.lastIndexOf(UNFINISHED);
      return cut >= 0 && text.length() <= cut + UNFINISHED.length() + 8
          ? new Unfinished(pid, text.substring(0, cut))
          : new Call(pid, text);
    }

    private static int pid(Matcher prefix) {
      String pid = prefix.group(1) == null ? prefix.group(2) : prefix.group(1);
      return pid == null ? 0 : Integer.parseInt(pid);
    }
  }
}
