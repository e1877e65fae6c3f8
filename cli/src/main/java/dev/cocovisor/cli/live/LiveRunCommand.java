package dev.cocovisor.cli.live;

import dev.cocovisor.cli.find.Inputs;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.live.kvm.LiveRun;
import dev.cocovisor.live.kvm.Machine;
import dev.cocovisor.script.text.LogWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Prints what this machine's kernel answers. */
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    description = "Runs logs on this machine's kernel and prints each call with its answer.")
public final class LiveRunCommand implements Callable<Integer> {
  private final Console console;
  @Mixin private LiveOptionsMixin live = new LiveOptionsMixin();
  @Mixin private PluginOptions plugins = new PluginOptions();

  LiveRunCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    Machine machine = Machine.ask();
    console.err().println(machine.describe());
    try (var world = new World(plugins, new SettingOptions(), console)) {
      var run = new LiveRun(machine, live.options(), world.technologies());
      var document = new LiveDocument("run", machine.describe());
      for (Path file : live.files()) {
        run.run(
            Inputs.source(file),
            live.program(),
            program -> {
              if (live.json()) {
                document.program(file.toString(), program.number(), program.calls());
                return true;
              }
              console.out().println("# program " + program.number());
              program.calls().forEach(c -> console.out().println(LogWriter.line(c)));
              return !console.out().checkError();
            });
      }
      LiveReport.passedOver(console, run.totals());
      console.err().println(LiveReport.counts(run.totals()));
      if (live.json()) {
        document.print(console, run.totals());
      }
      return run.totals().hung().isEmpty() ? ExitCode.CLEAN : ExitCode.BUDGET;
    }
  }
}
