package dev.cocovisor.snp.rules;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The checks of one command in the order the kernel makes them: what is wrong, how to make it so,
 * and what is answered. Programs come from it: each check alone, and each pair that can be wrong at
 * once, of which the earlier one has to answer.
 */
final class RuleTable {
  /** How far a guest is launched when the command is issued. */
  enum Stage {
    /** Its VM exists, and so does a vCPU, too early for INIT2. */
    CROWDED,
    /** Its VM exists. */
    CREATED,
    /** INIT2 was issued. */
    INITIALIZED,
    /** LAUNCH_START was issued. */
    STARTED,
    /** LAUNCH_MEASURE was issued; SEV only. */
    MEASURED,
    /** It may run. */
    RUNNING
  }

  /** One check. */
  record Check(
      String says, @Nullable Stage stage, Map<String, Long> fields, String errno, int error) {}

  final String command;
  final String functions;
  final String type;
  final Stage stage;
  final Map<String, Long> good = new LinkedHashMap<>();
  final List<Check> checks = new ArrayList<>();

  /** What the firmware says of the good call where it does not follow what it has to. */
  private @Nullable Check last;

  RuleTable(String command, String functions, String type, Stage stage) {
    this.command = command;
    this.functions = functions;
    this.type = type;
    this.stage = stage;
  }

  private static Map<String, Long> fields(Object... pairs) {
    Map<String, Long> m = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      m.put((String) pairs[i], ((Number) pairs[i + 1]).longValue());
    }
    return m;
  }

  RuleTable good(Object... pairs) {
    good.putAll(fields(pairs));
    return this;
  }

  /** A check of the arguments. */
  RuleTable wrong(String says, String errno, Object... pairs) {
    checks.add(new Check(says, null, fields(pairs), errno, -1));
    return this;
  }

  /** A check of how far the guest is. */
  RuleTable when(String says, Stage at, String errno) {
    checks.add(new Check(says, at, Map.of(), errno, -1));
    return this;
  }

  /** A refusal of the firmware: EIO, and its status. */
  RuleTable firmware(String says, int error, Object... pairs) {
    checks.add(new Check(says, null, fields(pairs), "EIO", error));
    return this;
  }

  /** A refusal of the firmware that comes of how far the guest is. */
  RuleTable firmwareWhen(String says, Stage at, int error) {
    checks.add(new Check(says, at, Map.of(), "EIO", error));
    return this;
  }

  /** Says that a call that KVM has nothing against is refused by the firmware. */
  RuleTable lastly(String says, int error) {
    last = new Check(says, null, Map.of(), "EIO", error);
    return this;
  }

  /** Returns all programs: the good call, each check alone, each pair. */
  List<String> programs() {
    List<String> all = new ArrayList<>();
    all.add(program(List.of()));
    for (int i = 0; i < checks.size(); i++) {
      all.add(program(List.of(checks.get(i))));
      for (int j = i + 1; j < checks.size(); j++) {
        if (goTogether(checks.get(i), checks.get(j))) {
          all.add(program(List.of(checks.get(i), checks.get(j))));
        }
      }
    }
    return all;
  }

  /**
   * Returns the table with two checks exchanged that follow each other, can both be wrong and
   * answer differently; null if there are none.
   */
  @Nullable RuleTable withAnotherOrder() {
    for (int i = 0; i + 1 < checks.size(); i++) {
      Check a = checks.get(i);
      Check b = checks.get(i + 1);
      if (goTogether(a, b) && !(a.errno.equals(b.errno) && a.error == b.error)) {
        RuleTable other = new RuleTable(command, functions, type, stage);
        other.good.putAll(good);
        other.checks.addAll(checks);
        Collections.swap(other.checks, i, i + 1);
        other.last = last;
        return other;
      }
    }
    return null;
  }

  private static boolean goTogether(Check a, Check b) {
    return (a.stage == null || b.stage == null)
        && a.fields.keySet().stream().noneMatch(b.fields::containsKey);
  }

  private String program(List<Check> wrong) {
    Map<String, Long> fields = new LinkedHashMap<>(good);
    Stage at = stage;
    List<String> says = new ArrayList<>();
    for (Check c : wrong) {
      fields.putAll(c.fields);
      at = c.stage == null ? at : c.stage;
      says.add(c.says);
    }
    StringBuilder text = new StringBuilder();
    text.append("# ")
        .append(
            says.isEmpty()
                ? last == null ? "nothing is wrong" : last.says
                : String.join("; and ", says));
    text.append('\n').append(Preamble.of(command, type, at));
    text.append("ioctl(4, KVM_MEMORY_ENCRYPT_OP, {id=KVM_SEV_").append(command);
    fields.forEach((k, v) -> text.append(", ").append(k).append("=0x").append(Long.toHexString(v)));
    text.append('}');
    Check first = wrong.isEmpty() ? last : wrong.getFirst();
    if (first == null) {
      return text.append(") = 0\n").toString();
    }
    if (first.error >= 0) {
      text.append(" => {error=").append(first.error).append('}');
    }
    return text.append(") = -1 ").append(first.errno).append('\n').toString();
  }
}
