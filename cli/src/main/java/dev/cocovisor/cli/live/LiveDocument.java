package dev.cocovisor.cli.live;

import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.live.kvm.LiveTotals;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The document that a live command prints with {@code --json}. */
final class LiveDocument {
  private final Map<String, Object> document = new LinkedHashMap<>();
  private final List<Object> programs = new ArrayList<>();
  private final List<Object> differences = new ArrayList<>();

  /**
   * Begins it.
   *
   * @param verb which live command it is of
   * @param machine what the machine is, in words
   */
  LiveDocument(String verb, String machine) {
    document.put("format", "cocovisor.live");
    document.put("version", 1);
    document.put("command", verb);
    document.put("machine", machine);
  }

  /** Sets what hosts like this machine are set to. */
  LiveDocument profile(Map<String, String> settings) {
    document.put("profile", settings);
    return this;
  }

  /** Sets the log that was written. */
  LiveDocument log(String file) {
    document.put("log", file);
    return this;
  }

  /** Adds a program with the kernel's answers. */
  void program(String log, int number, List<LogCall> calls) {
    var one = new LinkedHashMap<String, Object>();
    one.put("log", log);
    one.put("program", number);
    one.put("calls", calls.stream().map(LogWriter::line).toList());
    programs.add(one);
  }

  /** Adds an answer that the model did not give. */
  void difference(Mismatch m) {
    var one = new LinkedHashMap<String, Object>();
    one.put("log", m.log());
    one.put("line", m.line());
    one.put("program", m.program());
    one.put("call", m.call());
    one.put("kernel", m.expected());
    one.put("model", m.got());
    differences.add(one);
  }

  /** Prints it, with what was run and passed over. */
  void print(Console console, LiveTotals t) {
    if (!programs.isEmpty()) {
      document.put("ran", programs);
    }
    if ("check".equals(document.get("command"))) {
      document.put("differences", differences);
    }
    document.put("programs", t.programs());
    document.put("calls", t.calls());
    document.put("skippedPrograms", t.programsPassedOver());
    document.put("skipped", t.passedOver());
    document.put("hung", t.hung());
    console.json(document);
  }
}
