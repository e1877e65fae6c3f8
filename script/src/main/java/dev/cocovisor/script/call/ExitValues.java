package dev.cocovisor.script.call;

import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.List;

/** Writes the end of a guest's run as recordings do. */
public final class ExitValues {
  private ExitValues() {}

  /**
   * Returns the parenthesis of a line.
   *
   * @param action the action's name, which says what a value means
   */
  public static LogResult.Exit of(Exit exit, String action, Words words) {
    List<Value.Field> fields =
        switch (exit) {
          case Exit.Hlt e -> value(action, e.value(), words);
          case Exit.Done e -> value(action, e.value(), words);
          case Exit.GuestAbort e -> List.of(hex("esr", e.esr()));
          case Exit.Mmio e ->
              List.of(
                  hex("phys_addr", e.physAddr()),
                  decimal("len", e.len()),
                  decimal("is_write", e.isWrite() ? 1 : 0));
          case Exit.Shutdown _, Exit.Interrupted _, Exit.DirtyRingFull _, Exit.Unknown _ ->
              List.of();
          case Exit.KvmInternalError e -> List.of(decimal("suberror", e.suberror()));
          case Exit.Hypercall e ->
              List.of(decimal("nr", e.nr()), args(e.args()), hex("flags", e.flags()));
          case Exit.MemoryFault e ->
              List.of(hex("flags", e.flags()), hex("gpa", e.gpa()), hex("size", e.size()));
          case Exit.SystemEvent e -> List.of(decimal("type", e.type()));
          case Exit.Vendor e -> FieldValues.toEntries(e.fields());
        };
    return new LogResult.Exit(exit.name(), fields);
  }

  private static List<Value.Field> value(String action, long value, Words words) {
    String name = words.answerOf(action);
    if (name == null) {
      return value == -1 ? List.of() : List.of(decimal("value", value));
    }
    return name.isEmpty() ? List.of() : List.of(decimal(name, value));
  }

  /** KVM_HC_MAP_GPA_RANGE, the one hypercall that leaves to userspace, has three arguments. */
  private static Value.Field args(long[] args) {
    var list = new ArrayList<Value.Field>();
    for (int i = 0; i < Math.min(args.length, 3); i++) {
      list.add(Value.Field.of("", Value.Num.hex(args[i])));
    }
    return Value.Field.of("args", new Value.Struct(list));
  }

  private static Value.Field hex(String name, long value) {
    return Value.Field.of(name, Value.Num.hex(value));
  }

  private static Value.Field decimal(String name, long value) {
    return Value.Field.of(name, Value.Num.of(value));
  }
}
