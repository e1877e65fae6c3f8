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
    RUNNING,
    /** It registered its GHCB; SNP only. */
    REGISTERED,
    /** And user space takes its hypercalls. */
    HEARD
  }

  /** What a field's value is that is not given at all. */
  static final Object ABSENT = "";

  /**
   * One check.
   *
   * @param before a call that makes it so, "" if the arguments or the stage do
   * @param answer what the log says behind the call's structure
   */
  record Check(
      String says,
      @Nullable Stage stage,
      String before,
      Map<String, Object> fields,
      String answer) {}

  final String title;
  final String command;
  final String call;
  final String functions;
  final String type;
  final Stage stage;
  final Map<String, Object> good = new LinkedHashMap<>();
  final List<Check> checks = new ArrayList<>();

  /** Whether the local APIC is KVM's. */
  boolean irqchip;

  /** What INIT2 is given. */
  String init = "";

  /** A call before each of the table's. */
  private String setup = "";

  /** What the firmware says of the good call where it does not follow what it has to. */
  private @Nullable Check last;

  /** A table of a command of KVM_MEMORY_ENCRYPT_OP. */
  RuleTable(String command, String functions, String type, Stage stage) {
    this(
        "KVM_SEV_" + command,
        "ioctl(4, KVM_MEMORY_ENCRYPT_OP, {id=KVM_SEV_" + command,
        functions,
        type,
        stage);
  }

  /**
   * A table of any call.
   *
   * @param title what is called, in the log's first line
   * @param call the call up to its fields
   * @param functions where the kernel's text is
   */
  RuleTable(String title, String call, String functions, String type, Stage stage) {
    this.title = title;
    this.command = title.replace("KVM_SEV_", "");
    this.call = call;
    this.functions = functions;
    this.type = type;
    this.stage = stage;
  }

  private static Map<String, Object> fields(Object... pairs) {
    Map<String, Object> m = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      m.put((String) pairs[i], pairs[i + 1]);
    }
    return m;
  }

  private static String errno(String name) {
    return ") = -1 " + name;
  }

  private static String error(int status) {
    return " => {error=" + status + "}" + errno("EIO");
  }

  RuleTable good(Object... pairs) {
    good.putAll(fields(pairs));
    return this;
  }

  /** The local APIC is KVM's. */
  RuleTable withIrqchip() {
    irqchip = true;
    return this;
  }

  /** INIT2 asks for version 1 of the GHCB protocol. */
  RuleTable withFirstVersion() {
    init = ", ghcb_version=1";
    return this;
  }

  /** Each program makes a call before. */
  RuleTable with(String line) {
    setup = line;
    return this;
  }

  /** A check of the arguments. */
  RuleTable wrong(String says, String errno, Object... pairs) {
    return ends(says, errno(errno), pairs);
  }

  /** A check of the arguments, with all that a log says behind them. */
  RuleTable ends(String says, String answer, Object... pairs) {
    checks.add(new Check(says, null, "", fields(pairs), answer));
    return this;
  }

  /** A check of how far the guest is. */
  RuleTable when(String says, Stage at, String errno) {
    return endsWhen(says, at, errno(errno));
  }

  /** A check of how far the guest is, with all that a log says behind the call. */
  RuleTable endsWhen(String says, Stage at, String answer) {
    checks.add(new Check(says, at, "", Map.of(), answer));
    return this;
  }

  /** A check of what a call did before, which the table's stage still allows. */
  RuleTable after(String says, String before, String errno) {
    checks.add(new Check(says, null, before, Map.of(), errno(errno)));
    return this;
  }

  /** A refusal of the firmware: EIO, and its status. */
  RuleTable firmware(String says, int error, Object... pairs) {
    return ends(says, error(error), pairs);
  }

  /** A refusal of the firmware that comes of how far the guest is. */
  RuleTable firmwareWhen(String says, Stage at, int error) {
    return endsWhen(says, at, error(error));
  }

  /** Says that a call that KVM has nothing against is refused by the firmware. */
  RuleTable lastly(String says, int error) {
    return good(says, error(error));
  }

  /** Says what is answered to a call that nobody has anything against. */
  RuleTable good(String says, String answer) {
    last = new Check(says, null, "", Map.of(), answer);
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
      if (goTogether(a, b) && !a.answer.equals(b.answer)) {
        RuleTable other = new RuleTable(title, call, functions, type, stage);
        other.irqchip = irqchip;
        other.init = init;
        other.setup = setup;
        other.good.putAll(good);
        other.checks.addAll(checks);
        Collections.swap(other.checks, i, i + 1);
        other.last = last;
        return other;
      }
    }
    return null;
  }

  private boolean goTogether(Check a, Check b) {
    return (a.stage == null || b.stage == null)
        && (a.before.isEmpty() || early(b))
        && (b.before.isEmpty() || early(a))
        && a.fields.keySet().stream().noneMatch(b.fields::containsKey);
  }

  private boolean early(Check c) {
    return c.before.isEmpty() && (c.stage == null || c.stage.compareTo(stage) < 0);
  }

  private String program(List<Check> wrong) {
    Map<String, Object> fields = new LinkedHashMap<>(good);
    Stage at = stage;
    List<String> says = new ArrayList<>();
    StringBuilder before = new StringBuilder();
    for (Check c : wrong) {
      fields.putAll(c.fields);
      at = c.stage == null ? at : c.stage;
      says.add(c.says);
      before.append(c.before);
    }
    String nothing = last == null ? "nothing is wrong" : last.says;
    StringBuilder text = new StringBuilder();
    text.append("# ").append(says.isEmpty() ? nothing : String.join("; and ", says)).append('\n');
    text.append(Preamble.of(this, at)).append(setup).append(before).append(call);
    fields.forEach((k, v) -> append(text, k, v));
    text.append('}');
    Check first = wrong.isEmpty() ? last : wrong.getFirst();
    return text.append(first == null ? ") = 0" : first.answer).append('\n').toString();
  }

  private static void append(StringBuilder text, String name, Object value) {
    if (value != ABSENT) {
      text.append(text.charAt(text.length() - 1) == '{' ? "" : ", ").append(name).append('=');
      text.append(
          value instanceof Number n ? "0x" + Long.toHexString(n.longValue()) : value.toString());
    }
  }
}
