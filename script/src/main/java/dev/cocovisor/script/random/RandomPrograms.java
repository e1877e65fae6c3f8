package dev.cocovisor.script.random;

import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.generate.Choices;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.vmm.Technologies;
import dev.cocovisor.vmm.Technology;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Runs random programs on one technology and tells what went wrong. One seed is one program for
 * good; what is found is made short before it is told.
 */
public final class RandomPrograms {
  /** One program in so many is traced, for the coverage: a trace costs more than the program. */
  private static final int TRACED = 16;

  /** How many shorter programs are tried for one finding. */
  private static final int TRIES = 3000;

  private final Technologies technologies;
  private final Technology technology;
  private final Map<String, String> settings;
  private final int length;
  private final boolean faults;
  private final Coverage coverage;
  private long programs;
  private long calls;

  /**
   * A program that went wrong.
   *
   * @param seed names the program as it was drawn
   * @param program the shortest that shows it
   * @param trouble what the short one shows
   */
  public record Found(long seed, RandomProgram program, Trouble trouble) {}

  /**
   * Prepares.
   *
   * @param technology where programs run
   * @param settings settings of every host, which win over those that are drawn
   * @param length steps of a program, at most
   * @param faults whether some programs make the host and its trusted half fail
   * @param coverage told what programs reach
   */
  public RandomPrograms(
      Technologies technologies,
      Technology technology,
      Map<String, String> settings,
      int length,
      boolean faults,
      Coverage coverage) {
    this.technologies = technologies;
    this.technology = technology;
    this.settings = Map.copyOf(settings);
    this.length = length;
    this.faults = faults;
    this.coverage = coverage;
  }

  /** Returns how many programs were run. */
  public long programs() {
    return programs;
  }

  /** Returns how many steps were carried out. */
  public long calls() {
    return calls;
  }

  /**
   * Runs one program.
   *
   * @param seed its name
   * @param each told of each line with its answer; null where a line threw
   * @return what went wrong, shrunk; null if nothing did
   */
  public @Nullable Found run(long seed, BiConsumer<ScenarioLine, @Nullable Reply> each) {
    var choose = new Choices(seed);
    long memory = choose.percent(15) ? choose.of(64L << 20, 32L << 20, 1L << 30) : 0;
    var host =
        new RandomProgram(
            technology.id(),
            HostChooser.settings(choose, technology, memory == 0, settings),
            memory,
            List.of());
    boolean traced = programs++ % TRACED == 0;
    var trial =
        new ProgramTrial(
            technologies,
            host,
            traced ? coverage : TraceSink.OFF,
            (line, reply) -> {
              calls++;
              coverage.answered(line, reply);
              each.accept(line, reply);
            });
    if (traced) {
      trial.tell(coverage);
    }
    var _ = trial.run(choose, length, faults);
    Trouble trouble = trial.trouble();
    if (trouble == null) {
      return null;
    }
    return shrunk(seed, host.withSteps(trial.steps()), trouble);
  }

  /** Runs the program of a scenario's steps again; null if nothing goes wrong. */
  public static @Nullable Trouble again(Technologies technologies, RandomProgram program) {
    return new ProgramTrial(technologies, program, TraceSink.OFF, (_, _) -> {}).run().trouble();
  }

  private Found shrunk(long seed, RandomProgram program, Trouble trouble) {
    RandomProgram least =
        new StepShrinker(
                p -> {
                  Trouble t = again(technologies, p);
                  return t != null && t.like(trouble);
                },
                TRIES)
            .shrink(program);
    Trouble shown = again(technologies, least);
    return new Found(seed, least, shown == null ? trouble : shown);
  }
}
