package dev.cocovisor.live.strace;

import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The exit that strace's line about a vCPU's shared page tells (option --kvm=vcpu). */
final class VcpuExit {
  private static final Pattern REASON =
      Pattern.compile("exit_reason=(?:\\d+ /\\* )?(KVM_EXIT_[A-Z0-9_]+)");
  private static final Pattern FIELD =
      Pattern.compile("\\b(phys_addr|len|is_write|gpa|size|flags|nr)=(0x[0-9a-f]{1,16}|\\d{1,18})");

  /** The fields by which the notation tells an exit; of other exits only the reason counts. */
  private static final List<String> NO_FIELDS = List.of();

  private VcpuExit() {}

  /** Returns the exit; null if the line tells none. */
  static LogResult.@Nullable Exit of(String struct) {
    Matcher reason = REASON.matcher(struct);
    if (!reason.find() || reason.group(1).equals("KVM_EXIT_UNKNOWN")) {
      return null;
    }
    String name = reason.group(1);
    List<String> wanted =
        switch (name) {
          case "KVM_EXIT_MMIO" -> List.of("phys_addr", "len", "is_write");
          case "KVM_EXIT_MEMORY_FAULT" -> List.of("flags", "gpa", "size");
          default -> NO_FIELDS;
        };
    var fields = new ArrayList<Value.Field>();
    // The exit's own structure stands behind the fields that every exit has.
    int own = struct.indexOf('{', reason.end());
    Matcher field = FIELD.matcher(own < 0 ? "" : struct.substring(own));
    while (field.find()) {
      if (wanted.contains(field.group(1))) {
        String text = field.group(2);
        fields.add(
            Value.Field.of(
                field.group(1),
                text.startsWith("0x")
                    ? Value.Num.hex(Long.parseUnsignedLong(text.substring(2), 16))
                    : Value.Num.of(Long.parseLong(text))));
      }
    }
    return new LogResult.Exit(name, List.copyOf(fields));
  }
}
