package dev.cocovisor.script.scenario;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogLine;
import dev.cocovisor.script.text.LogReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A call log that is run rather than replayed: results may be left out, and steps that every
 * technology has are carried out by the VMM of the one it is run on.
 */
public final class Scenario {
  /** A scenario says nothing that nobody understands. */
  private static final ProgramBuilder.Policy ALL = (_, _, _) -> ProgramBuilder.Unread.REFUSE;

  private final String name;
  private final String about;
  private final List<List<ScenarioLine>> programs;

  private Scenario(String name, String about, List<List<ScenarioLine>> programs) {
    this.name = name;
    this.about = about;
    this.programs = programs;
  }

  /**
   * Reads a scenario.
   *
   * @param words what lines may say, which the technologies there are decide
   * @throws IOException if it cannot be read
   * @throws LogSyntaxException if it breaks the grammar or says what nobody understands
   */
  public static Scenario read(LogSource log, StepWords words) throws IOException {
    var about = new StringBuilder();
    var programs = new ArrayList<List<ScenarioLine>>();
    var program = new ProgramBuilder(log.name(), words);
    boolean opening = true;
    try (var reader = new LogReader(log)) {
      for (LogLine line = reader.next(); line != null; line = reader.next()) {
        switch (line) {
          case LogLine.Remark r -> {
            if (opening && r.text().startsWith("#")) {
              about.append(about.isEmpty() ? "" : " ").append(r.text().substring(1).strip());
            } else {
              opening = opening && about.isEmpty();
            }
          }
          case LogLine.ProgramStart _ -> {
            opening = false;
            if (!program.isEmpty()) {
              programs.add(program.take(log, ALL));
            }
          }
          case LogCall c -> {
            opening = false;
            program.add(c);
            program.bound();
          }
        }
      }
    }
    if (!program.isEmpty()) {
      programs.add(program.take(log, ALL));
    }
    if (programs.isEmpty()) {
      throw new LogSyntaxException(log.name(), 1, 1, "end of the text", "a step");
    }
    return new Scenario(log.name(), about.toString(), List.copyOf(programs));
  }

  /** Returns the log's name. */
  public String name() {
    return name;
  }

  /** Returns the comment that opens the scenario, in one line. */
  public String about() {
    return about;
  }

  /** Returns the programs, which run one after the other on hosts of their own. */
  List<List<ScenarioLine>> programs() {
    return programs;
  }

  /** Tells whether a program has more lines than are kept: each is read again when it runs. */
  public boolean isLong() {
    return programs.stream().anyMatch(ProgramBuilder::isLong);
  }

  /** Returns every line of every program, in memory. */
  public List<ScenarioLine> lines() {
    return programs.stream().flatMap(List::stream).toList();
  }

  /** Returns the technologies the scenario names by {@code backends}; empty if it names none. */
  public List<String> backends() {
    for (List<ScenarioLine> program : programs) {
      for (ScenarioLine line : program) {
        if (line.step() instanceof Step.Backends(List<String> ids)) {
          return ids;
        }
      }
    }
    return List.of();
  }

  /** Returns the finding of an exploration that the scenario is; null if it is none. */
  public Step.@Nullable Finding finding() {
    for (List<ScenarioLine> program : programs) {
      for (ScenarioLine line : program) {
        if (line.step() instanceof Step.Finding f) {
          return f;
        }
      }
    }
    return null;
  }

  /** Tells whether any line is a step that every technology has. */
  public boolean isNeutral() {
    return programs.stream()
        .flatMap(List::stream)
        .anyMatch(l -> l.step() instanceof Step.Launch || l.step() instanceof Step.OfVm);
  }

  /**
   * Returns the scenario up to a line: what one would have if one stopped there. The model is
   * deterministic, so what came before is what came before.
   *
   * @param before the first line left out; 0 for none
   */
  public Scenario upTo(int before) {
    return new Scenario(
        name,
        about,
        programs.stream()
            .map(p -> p.stream().filter(l -> before == 0 || l.call().line() < before).toList())
            .toList());
  }
}
