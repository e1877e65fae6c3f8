package dev.cocovisor.cli.step;

import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.cli.run.RunDocuments;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.Step;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.Charset;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.reader.impl.completer.StringsCompleter;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Walks through a run on the terminal. */
@Command(
    name = "step",
    mixinStandardHelpOptions = true,
    description = {
      "Walks through a run on the terminal: forwards, back, until a hook, a status or a page,",
      "with every table to look at. With --schedule, through a finding of explore."
    })
public final class StepCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(paramLabel = "SCENARIO", description = "A call log, plain or packed by gzip.")
  private Path file = Path.of("");

  @Option(
      names = "--backend",
      paramLabel = "ID",
      description = "The technology; without it, the first the scenario names.")
  private @Nullable String backend;

  @Option(
      names = "--schedule",
      paramLabel = "ORDER",
      description = "Walk through this schedule of the scenario's actors, as a finding prints it.")
  private @Nullable String schedule;

  @Mixin private PluginOptions plugins = new PluginOptions();

  @Mixin private SettingOptions settings = new SettingOptions();

  /** Creates the command. */
  public StepCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    JsonNode run;
    try (var world = new World(plugins, settings, console)) {
      run = new JsonMapper().valueToTree(document(world));
    }
    var stepper = new Stepper(run, console.out());
    if (console.terminal()) {
      onTerminal(stepper);
    } else {
      piped(stepper);
    }
    return ExitCode.CLEAN;
  }

  private Map<String, Object> document(World world) throws IOException {
    Scenario scenario = world.read(file);
    Step.Finding finding = scenario.finding();
    if (finding != null && schedule == null) {
      return RunDocuments.of(scenario, finding, file, backend, world);
    }
    List<String> named = scenario.backends();
    String on =
        backend != null
            ? world.known(backend)
            : named.isEmpty() ? null : world.known(named.getFirst());
    if (schedule == null) {
      return RunDocuments.of(scenario, world, on, world.settings());
    }
    try {
      return RunDocuments.of(scenario, world, on, schedule, file);
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  private static void onTerminal(Stepper stepper) throws IOException {
    try (Terminal terminal = TerminalBuilder.builder().provider("exec").build()) {
      LineReader reader =
          LineReaderBuilder.builder()
              .terminal(terminal)
              .completer(new StringsCompleter(Stepper.WORDS))
              .build();
      boolean more = true;
      while (more) {
        more = stepper.command(reader.readLine(stepper.prompt()));
      }
    } catch (EndOfFileException | UserInterruptException e) {
      // Both mean that one has seen enough.
      return;
    }
  }

  private void piped(Stepper stepper) throws IOException {
    var in = new BufferedReader(new InputStreamReader(System.in, Charset.defaultCharset()));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      console.out().println(stepper.prompt() + line);
      if (!stepper.command(line)) {
        return;
      }
    }
  }
}
