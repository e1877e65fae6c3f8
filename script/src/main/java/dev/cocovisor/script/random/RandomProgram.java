package dev.cocovisor.script.random;

import static dev.cocovisor.script.call.Calls.call;

import dev.cocovisor.api.Fields;
import dev.cocovisor.script.call.CallEncoder;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.scenario.StepEncoder;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A program: a technology, the settings of its host, and steps.
 *
 * @param technology its id
 * @param settings settings by name
 * @param memory bytes of the host's memory; 0 for as much as a host has
 * @param steps what happens, in order
 */
public record RandomProgram(
    String technology, Map<String, String> settings, long memory, List<Step> steps) {
  /** Takes copies. */
  public RandomProgram {
    settings = Map.copyOf(settings);
    steps = List.copyOf(steps);
  }

  /** Returns the same program with other steps. */
  RandomProgram withSteps(List<Step> other) {
    return new RandomProgram(technology, settings, memory, other);
  }

  /** Returns the same program on a host with other settings. */
  RandomProgram withSettings(Map<String, String> other) {
    return new RandomProgram(technology, other, memory, steps);
  }

  /** Returns the lines before the steps: the technology and the host. */
  List<ScenarioLine> head() {
    var lines = new ArrayList<ScenarioLine>();
    lines.add(line(new Step.Backends(List.of(technology))));
    var fields = new ArrayList<Value.Field>();
    LogCall wishes = CallEncoder.hostWishes(null, sorted());
    if (wishes != null && wishes.args().getFirst() instanceof Value.Struct s) {
      fields.addAll(s.fields());
    }
    if (memory != 0) {
      fields.addFirst(Value.Field.of("memory", Value.Num.hex(memory)));
    }
    if (!fields.isEmpty()) {
      var asked = new Fields();
      sorted().forEach(asked::put);
      if (memory != 0) {
        asked.put("memory", memory);
      }
      lines.add(
          new ScenarioLine(
              call("host_config", new Value.Struct(List.copyOf(fields))),
              new Step.Call(new KvmCall.HostSetup(asked))));
    }
    return lines;
  }

  private Map<String, String> sorted() {
    return new java.util.TreeMap<>(settings);
  }

  /** Returns a step as a line. */
  static ScenarioLine line(Step step) {
    return new ScenarioLine(StepEncoder.encode(step), step);
  }

  /** Returns the program as lines of a scenario, without comments and results. */
  public List<String> text() {
    var text = new ArrayList<String>();
    head().forEach(l -> text.add(LogWriter.callOnly(l.call())));
    steps.forEach(s -> text.add(LogWriter.callOnly(StepEncoder.encode(s))));
    return text;
  }
}
