package dev.cocovisor.script.scenario;

import static dev.cocovisor.script.call.Calls.call;
import static dev.cocovisor.script.call.Calls.entry;
import static dev.cocovisor.script.call.Calls.fd;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.script.call.Calls;
import dev.cocovisor.script.call.FieldValues;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Turns steps into lines, so that {@link StepDecoder} reads equal steps from them. */
public final class StepEncoder {
  /** The names of the steps, for whoever misspells one. */
  public static final List<String> NAMES =
      List.of(
          "backends",
          "on",
          "expect",
          "actor",
          "together",
          "allows",
          "finding",
          "raced",
          "vm_launch",
          "vm_populate",
          "vm_finalize",
          "vm_read",
          "vm_write",
          "vm_accept",
          "vm_convert",
          "vm_punch",
          "vm_prefault",
          "vm_plug",
          "vm_unplug",
          "vm_move",
          "vm_reboot",
          "vm_stats",
          "vm_teardown",
          "vm_close_memory",
          "vm_guest_mode",
          "host_peek",
          "host_poke",
          "host_pin",
          "host_unpin",
          "host_take_memory",
          "host_give_memory",
          "firmware_fail");

  private StepEncoder() {}

  /**
   * Returns a step's line, without a result.
   *
   * @throws IllegalArgumentException for a {@link Step.Call}, whose line is its call's
   */
  public static LogCall encode(Step step) {
    return switch (step) {
      case Step.Backends s -> call("backends", names(s.ids()));
      case Step.ActorBegins s -> call("actor", new Value.Str(s.name(), false));
      case Step.Together _ -> call("together");
      case Step.Allows s -> call("allows", names(s.answers()));
      case Step.Finding s -> finding(s);
      case Step.Raced s -> call("raced", new Value.Str(s.why(), false));
      case Step.Unread s -> throw new IllegalArgumentException("no line for " + s.why());
      case Step.On s -> s.ids().isEmpty() ? call("on") : call("on", names(s.ids()));
      case Step.Expect s -> expect(s);
      case Step.Launch s -> launch(s);
      case Step.Populate s ->
          of(
              "vm_populate",
              s.vm(),
              entry("at", s.at()),
              entry("size", s.size()),
              entry("measured", s.measured() ? 1 : 0),
              entry("value", s.value()));
      case Step.FinalizeLaunch s -> of("vm_finalize", s.vm());
      case Step.Read s -> access("vm_read", s.vm(), s.vcpu(), s.at(), s.shared());
      case Step.Write s ->
          access("vm_write", s.vm(), s.vcpu(), s.at(), s.shared(), entry("value", s.value()));
      case Step.Accept s ->
          s.level() == null
              ? range("vm_accept", s, s.vcpu())
              : range("vm_accept", s, s.vcpu(), Value.Field.of("level", text(level(s.level()))));
      case Step.Convert s ->
          range(
              "vm_convert",
              s,
              s.vcpu(),
              word("to", s.toPrivate() ? "private" : "shared"),
              word("by", s.byHost() ? "host" : "guest"));
      case Step.Punch s -> range("vm_punch", s, 0);
      case Step.Prefault s -> range("vm_prefault", s, s.vcpu());
      case Step.Plug s -> range("vm_plug", s, 0, entry("huge", s.huge() ? 1 : 0));
      case Step.Unplug s -> of("vm_unplug", s.vm(), entry("at", s.at()));
      case Step.Move s -> of("vm_move", s.vm(), entry("at", s.at()), entry("to", s.to()));
      case Step.Reboot s -> of("vm_reboot", s.vm());
      case Step.Stats s -> of("vm_stats", s.vm());
      case Step.Teardown s ->
          s.keepMemory()
              ? of("vm_teardown", s.vm(), entry("keep_memory", 1))
              : of("vm_teardown", s.vm());
      case Step.CloseMemory s -> of("vm_close_memory", s.vm());
      case Step.GuestMode s ->
          of("vm_guest_mode", s.vm(), entry("vcpu", s.vcpu()), entry("nested", s.nested() ? 1 : 0));
      case Step.Peek s ->
          of(
              "host_peek",
              s.vm(),
              entry("at", s.at()),
              Value.Field.of(
                  "via", text(s.via().name().toLowerCase(Locale.ROOT).replace('_', '-'))));
      case Step.Poke s -> of("host_poke", s.vm(), entry("at", s.at()), entry("value", s.value()));
      case Step.Pin s -> range("host_pin", s, 0);
      case Step.Unpin s -> of("host_unpin", s.vm());
      case Step.TakeMemory s -> call("host_take_memory", Calls.struct(entry("leave", s.leave())));
      case Step.GiveMemory _ -> call("host_give_memory");
      case Step.FirmwareFail s -> fail(s.fault());
      case Step.Call c -> throw new IllegalArgumentException("a call has a line of its own: " + c);
    };
  }

  private static LogCall launch(Step.Launch s) {
    var fields = new ArrayList<Value.Field>();
    fields.add(entry("memory", s.memory()));
    fields.add(Value.Field.of("vcpus", fd(s.vcpus())));
    if (s.huge()) {
      fields.add(entry("huge", 1));
    }
    if (s.from() != 0) {
      fields.add(Value.Field.of("from", fd(s.from())));
    }
    fields.addAll(FieldValues.toEntries(s.policy()));
    return call("vm_launch", new Value.Struct(List.copyOf(fields)));
  }

  private static LogCall finding(Step.Finding s) {
    var fields = new ArrayList<Value.Field>();
    fields.add(Value.Field.of("on", text(s.on())));
    if (!s.settings().isEmpty()) {
      fields.add(Value.Field.of("set", text(s.settings())));
    }
    if (!s.bug().isEmpty()) {
      fields.add(Value.Field.of("bug", text(s.bug())));
    }
    if (!s.meeting().isEmpty()) {
      fields.add(Value.Field.of("meeting", text(s.meeting())));
    }
    if (s.seed() != 0) {
      fields.add(entry("seed", s.seed()));
    }
    if (s.anyAnswers()) {
      fields.add(word("answers", "any"));
    }
    fields.add(Value.Field.of("breaks", text(s.breaks())));
    return call("finding", text(s.schedule()), new Value.Struct(List.copyOf(fields)));
  }

  private static LogCall expect(Step.Expect s) {
    var fields = new ArrayList<Value.Field>();
    s.results()
        .forEach((id, result) -> fields.add(Value.Field.of(id, text(LogWriter.result(result)))));
    return call("expect", new Value.Struct(List.copyOf(fields)));
  }

  private static LogCall fail(TrustedFault f) {
    TrustedOperation at = f.at();
    return call(
        "firmware_fail",
        Calls.struct(
            at == null
                ? Value.Field.of("call", text(String.valueOf(f.call())))
                : word("at", at.name().toLowerCase(Locale.ROOT)),
            word("how", f.how().name().toLowerCase(Locale.ROOT)),
            Value.Field.of("times", fd(f.times()))));
  }

  private static LogCall access(
      String name, int vm, int vcpu, long at, boolean shared, Value.Field... more) {
    var fields = new ArrayList<Value.Field>();
    fields.add(entry("at", at));
    fields.addAll(List.of(more));
    if (shared) {
      fields.add(entry("shared", 1));
    }
    return withVcpu(name, vm, vcpu, fields);
  }

  private static LogCall range(String name, Step.OfPlace s, int vcpu, Value.Field... more) {
    var fields = new ArrayList<Value.Field>();
    fields.add(entry("at", s.at()));
    fields.add(entry("size", s.size()));
    fields.addAll(List.of(more));
    return withVcpu(name, s.vm(), vcpu, fields);
  }

  private static LogCall withVcpu(String name, int vm, int vcpu, List<Value.Field> fields) {
    if (vcpu != 0) {
      fields.add(Value.Field.of("vcpu", fd(vcpu)));
    }
    return call(name, fd(vm), new Value.Struct(List.copyOf(fields)));
  }

  private static LogCall of(String name, int vm, Value.Field... fields) {
    return fields.length == 0 ? call(name, fd(vm)) : call(name, fd(vm), Calls.struct(fields));
  }

  private static Value names(List<String> ids) {
    return new Value.Items(ids.stream().map(StepEncoder::text).toList());
  }

  private static Value text(String s) {
    return new Value.Str(s, false);
  }

  private static Value.Field word(String name, String word) {
    return Value.Field.of(name, Calls.sym(word));
  }

  private static String level(PageLevel level) {
    return switch (level) {
      case PG_4K -> "4K";
      case PG_2M -> "2M";
      default -> "1G";
    };
  }
}
