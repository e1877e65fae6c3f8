package dev.cocovisor.script.scenario;

import dev.cocovisor.api.Nearest;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.script.call.CallArgs;
import dev.cocovisor.script.call.CallDecoder;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogReader;
import dev.cocovisor.script.text.LogResult;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Turns lines into steps. Whatever a line says that nobody would look at is refused. */
final class StepDecoder {
  private static final List<String> LEVELS = List.of("4K", "2M", "1G");
  private static final long PAGE = 4096;

  private final String file;
  private final StepWords words;

  /** Of one log, whose name errors carry. */
  StepDecoder(String file, StepWords words) {
    this.file = file;
    this.words = words;
  }

  /**
   * Returns what a line means.
   *
   * @throws LogSyntaxException if it is no step, or has a field or word that no step has
   */
  Step decode(LogCall call) {
    var a = new CallArgs(file, call, words.calls());
    try {
      Step step = decode(call, a);
      if (!(step instanceof Step.Call)) {
        a.end(step instanceof Step.OfVm || step instanceof Step.Finding ? 2 : 1);
      }
      return step;
    } catch (IllegalArgumentException e) {
      throw new LogSyntaxException(
          file, call.line(), call.columnOf(0), String.valueOf(e.getMessage()));
    }
  }

  private Step decode(LogCall call, CallArgs a) {
    return switch (call.name()) {
      case "backends" -> new Step.Backends(a.names(0));
      case "on" -> new Step.On(known(call, a.names(0), call.columnOf(0)));
      case "expect" -> expect(call, a);
      case "actor" -> new Step.ActorBegins(a.text(0));
      case "together" -> new Step.Together();
      case "allows" -> new Step.Allows(a.names(0));
      case "finding" -> finding(a);
      case "raced" -> new Step.Raced(a.text(0));
      case "vm_launch" -> launch(a);
      case "vm_populate" ->
          new Step.Populate(vm(a), at(a), size(a), value(a, 0), flag(a, "measured", true));
      case "vm_finalize" -> new Step.FinalizeLaunch(vm(a));
      case "vm_read" -> new Step.Read(vm(a), vcpu(a), at(a), flag(a, "shared", false));
      case "vm_write" -> new Step.Write(vm(a), vcpu(a), at(a), value(a), flag(a, "shared", false));
      case "vm_accept" -> new Step.Accept(vm(a), vcpu(a), at(a), size(a), level(a));
      case "vm_convert" ->
          new Step.Convert(
              vm(a),
              vcpu(a),
              at(a),
              size(a),
              a.word(1, "to", "private", List.of("private", "shared")).equals("private"),
              a.word(1, "by", "guest", List.of("guest", "host")).equals("host"));
      case "vm_punch" -> new Step.Punch(vm(a), at(a), size(a));
      case "vm_prefault" -> new Step.Prefault(vm(a), vcpu(a), at(a), size(a));
      case "vm_plug" -> new Step.Plug(vm(a), at(a), size(a), flag(a, "huge", false));
      case "vm_unplug" -> new Step.Unplug(vm(a), at(a));
      case "vm_move" -> new Step.Move(vm(a), at(a), a.field(1, "to"));
      case "vm_reboot" -> new Step.Reboot(vm(a));
      case "vm_stats" -> new Step.Stats(vm(a));
      case "vm_teardown" -> new Step.Teardown(vm(a), flag(a, "keep_memory", false));
      case "vm_close_memory" -> new Step.CloseMemory(vm(a));
      case "vm_guest_mode" -> new Step.GuestMode(vm(a), vcpu(a), flag(a, "nested", true));
      case "host_peek" -> new Step.Peek(vm(a), at(a), via(a));
      case "host_poke" -> new Step.Poke(vm(a), at(a), value(a));
      case "host_pin" -> new Step.Pin(vm(a), at(a), size(a));
      case "host_unpin" -> new Step.Unpin(vm(a));
      case "host_take_memory" -> new Step.TakeMemory(a.field(0, "leave", 0));
      case "host_give_memory" -> new Step.GiveMemory();
      case "firmware_fail" -> new Step.FirmwareFail(fault(a));
      default -> call(call, a);
    };
  }

  /** A call; a guest action on the number of a launched VM is told apart when it runs. */
  private Step call(LogCall call, CallArgs a) {
    if (!CallDecoder.knows(call)) {
      throw a.refused(
          call.columnOf(-1),
          "step",
          call.name(),
          Stream.concat(StepEncoder.NAMES.stream(), CallDecoder.NAMES.stream()).toList());
    }
    KvmCall typed = CallDecoder.decode(file, call, words.calls());
    return new Step.Call(typed);
  }

  private Step launch(CallArgs a) {
    long from = a.field(0, "from", 0);
    var step =
        new Step.Launch(
            from == 0 ? a.field(0, "memory") : a.field(0, "memory", 0),
            vcpus(a),
            a.field(0, "huge", 0) != 0,
            (int) from,
            a.without(0, "memory", "vcpus", "huge", "from"));
    for (String field : step.policy().asMap().keySet()) {
      if (!words.launchFields().contains(field)) {
        var all = new ArrayList<>(List.of("memory", "vcpus", "huge", "from"));
        all.addAll(words.launchFields());
        throw a.refused(a.columnOf(0, field), "field", field, all);
      }
    }
    return step;
  }

  private static int vcpus(CallArgs a) {
    int n = number(a, 0, "vcpus", 1);
    if (n < 0) {
      throw new IllegalArgumentException("vcpus=" + n + ": a number from 0 expected");
    }
    return n;
  }

  private static Step finding(CallArgs a) {
    return new Step.Finding(
        a.text(0),
        a.textField(1, "on", ""),
        a.textField(1, "set", ""),
        a.textField(1, "bug", ""),
        a.textField(1, "meeting", ""),
        a.field(1, "seed", 0),
        a.word(1, "answers", "judged", List.of("judged", "any")).equals("any"),
        a.textField(1, "breaks", ""));
  }

  private Step expect(LogCall call, CallArgs a) {
    Map<String, LogResult> results = new LinkedHashMap<>();
    for (Map.Entry<String, Object> e : a.fields(0).asMap().entrySet()) {
      int column = a.columnOf(0, e.getKey());
      known(call, List.of(e.getKey()), column);
      results.put(e.getKey(), LogReader.result(file, call.line(), column, e.getValue().toString()));
    }
    return new Step.Expect(results);
  }

  /** A technology may be missing here, but not misspelt. */
  private List<String> known(LogCall call, List<String> ids, int column) {
    for (String id : ids) {
      String meant = words.ids().contains(id) ? null : Nearest.to(id, words.ids());
      if (meant != null) {
        throw new LogSyntaxException(
            file, call.line(), column, "no technology '" + id + "': did you mean " + meant + "?");
      }
    }
    return ids;
  }

  private static TrustedFault fault(CallArgs a) {
    var how =
        TrustedFault.How.valueOf(
            a.word(0, "how", "busy", lower(TrustedFault.How.values())).toUpperCase(Locale.ROOT));
    int times = number(a, 0, "times", 1);
    String call = a.textField(0, "call", "");
    String at = a.textField(0, "at", call.isEmpty() ? "map" : "");
    if (at.isEmpty()) {
      return TrustedFault.ofCall(call, how, times);
    }
    String kind = a.word(0, "at", "map", lower(TrustedOperation.values()));
    return new TrustedFault(
        TrustedOperation.valueOf(kind.toUpperCase(Locale.ROOT)),
        call.isEmpty() ? null : call,
        how,
        times);
  }

  private static List<String> lower(Enum<?>[] all) {
    return Stream.of(all).map(e -> e.name().toLowerCase(Locale.ROOT)).toList();
  }

  private static Step.Via via(CallArgs a) {
    return switch (a.word(1, "via", "user", List.of("user", "kernel", "direct-map"))) {
      case "kernel" -> Step.Via.KERNEL;
      case "direct-map" -> Step.Via.DIRECT_MAP;
      default -> Step.Via.USER;
    };
  }

  private static @Nullable PageLevel level(CallArgs a) {
    return switch (a.word(1, "level", "", LEVELS)) {
      case "4K" -> PageLevel.PG_4K;
      case "2M" -> PageLevel.PG_2M;
      case "1G" -> PageLevel.PG_1G;
      default -> null;
    };
  }

  private static int vm(CallArgs a) {
    return (int) a.number(0);
  }

  private static int vcpu(CallArgs a) {
    return number(a, 1, "vcpu", 0);
  }

  private static long at(CallArgs a) {
    return a.field(1, "at");
  }

  private static long size(CallArgs a) {
    return a.field(1, "size", PAGE);
  }

  private static int value(CallArgs a) {
    return (int) a.field(1, "value") & 0xff;
  }

  private static int value(CallArgs a, int otherwise) {
    return (int) a.field(1, "value", otherwise) & 0xff;
  }

  private static boolean flag(CallArgs a, String name, boolean otherwise) {
    return a.field(1, name, otherwise ? 1 : 0) != 0;
  }

  private static int number(CallArgs a, int arg, String name, int otherwise) {
    long n = a.field(arg, name, otherwise);
    if (n != (int) n) {
      throw new IllegalArgumentException(name + "=" + n + " is out of range");
    }
    return (int) n;
  }
}
