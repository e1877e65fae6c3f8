package dev.cocovisor.live.strace;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One line that strace printed, told apart by its shape; what its words mean is not looked at.
 *
 * <p>What stands in front of a call is {@link Leader}'s. Source: strace's manual, options -f, -r,
 * -t, -tt, -ttt, -Y, -i, -n, -k, -C and --kvm.
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
   * The beginning of a call whose line something else of strace's tore: on a terminal that a
   * process was attached to. The next line goes on with it.
   *
   * @param head the call as far as it goes
   */
  record Torn(int pid, String head) implements StraceLine {}

  /**
   * The rest of a line that was torn.
   *
   * @param text from where the line goes on
   */
  record Rest(int pid, String text) implements StraceLine {}

  /**
   * What a vCPU's shared page held, when KVM_RUN began ({@code <}) or when it came back ({@code
   * >}); both lines stand behind the call's. Source: strace 7.2, {@code src/kvm.c},
   * kvm_run_structure_decode().
   *
   * @param pid always 0, strace does not say
   * @param vcpu the vCPU's number, -1 where strace does not know it
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
    private static final Pattern RESUMED =
        Pattern.compile("<\\.\\.\\.\\s+([A-Za-z_]\\w*)\\s+resumed>(.*)");
    private static final Pattern VCPU =
        Pattern.compile("\\s*VCPU(?::(\\d{1,9}))?([<>])\\s*(\\{.*)");
    private static final Pattern CALL = Pattern.compile("(?:[A-Za-z_]\\w*|\\?+)\\(.*");

    /** What strace says when it cannot end a call's line now, and a result that never came. */
    private static final Pattern CUT =
        Pattern.compile(
            "(?<head>.*?)\\s?(?:<unfinished \\.\\.\\.>|<detached \\.\\.\\.>|<unavailable>)"
                + "\\)?(?:\\s*= \\?)?\\s*");

    /** A word of strace's own, which on a terminal comes in the middle of a line. */
    private static final Pattern WORD =
        Pattern.compile(
            "(?:/\\S*/|\\./\\S*/)?strace(?:-\\S+)?: (?:Process \\d+ (?:attached|detached)\\b|\\["
                + " Process).*$|(?:/\\S*/|\\./\\S*/)?strace(?:-\\S+)?: detach: .*$");

    /** Other lines that strace prints, which are about no call. */
    private static final Pattern REMARK =
        Pattern.compile(
            "---.*|\\+\\+\\+.*|> .*|#.*|\\| [0-9a-f]{5,} .*|(?:/\\S*/|\\./\\S*/)?strace(?:-\\S+)?:"
                + " .*|\\[? ?Process (?:PID=)?\\d+ .*"
                // What bpftrace says before the lines of conformance/strace/kvm.bt.
                + "|Attaching \\d+ probes\\.\\.\\."
                // The table of -c and -C.
                + "|% time +seconds.*|-{3,} -{3,}.*|\\d+\\.\\d\\d +\\d+\\.\\d+( +\\d+)+ +\\w+");

    /** Colours and the mark that Windows puts in front of a text. */
    private static final Pattern PAINT = Pattern.compile("\\x1b\\[[0-9;]*m|\ufeff");

    private Shapes() {}

    private static StraceLine tell(String painted) {
      String line =
          painted.indexOf('\u001b') >= 0 || painted.startsWith("\ufeff")
              ? PAINT.matcher(painted).replaceAll("")
              : painted;
      Matcher vcpu = VCPU.matcher(line);
      if (vcpu.matches()) {
        int number = vcpu.group(1) == null ? -1 : Integer.parseInt(vcpu.group(1));
        return new VcpuState(0, number, vcpu.group(2).equals(">"), vcpu.group(3).strip());
      }
      Leader leader = Leader.of(line);
      String text = line.substring(leader.end()).strip();
      return of(leader.pid(), text, line.strip());
    }

    private static StraceLine of(int pid, String text, String whole) {
      if (text.isEmpty() || REMARK.matcher(text).matches() || REMARK.matcher(whole).matches()) {
        return new Remark(pid, text);
      }
      Matcher resumed = RESUMED.matcher(text);
      if (resumed.matches()) {
        String tail = resumed.group(2);
        Matcher cut = CUT.matcher(tail);
        return new Resumed(
            pid, resumed.group(1), cut.matches() ? cut.group("head") + ") = ?" : tail);
      }
      Matcher cut = CUT.matcher(text);
      if (text.indexOf('<') >= 0 && cut.matches()) {
        String head = cut.group("head");
        return head.isEmpty()
            ? new Rest(pid, text)
            : CALL.matcher(head).matches() ? new Unfinished(pid, head) : new Foreign(pid, text);
      }
      if (!CALL.matcher(text).matches()) {
        return text.startsWith(")") || text.startsWith(",")
            ? new Rest(pid, text)
            : new Foreign(pid, text);
      }
      Matcher word = WORD.matcher(text);
      return word.find() ? new Torn(pid, text.substring(0, word.start())) : new Call(pid, text);
    }
  }
}
