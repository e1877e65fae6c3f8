package dev.cocovisor.cli.live;

import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.cli.find.Inputs;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.MismatchKinds;
import dev.cocovisor.cli.print.Progress;
import dev.cocovisor.live.kvm.LiveCheck;
import dev.cocovisor.live.kvm.LiveRun;
import dev.cocovisor.live.kvm.Machine;
import dev.cocovisor.script.replay.KvmLogReplayer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Sets this machine's kernel and the model side by side. */
@Command(
    name = "check",
    mixinStandardHelpOptions = true,
    description = {
      "Runs logs on this machine's kernel and on the model, set up as this machine is, and prints",
      "every answer that differs."
    })
public final class LiveCheckCommand implements Callable<Integer> {
  private final Console console;
  @Mixin private LiveOptionsMixin live = new LiveOptionsMixin();
  @Mixin private PluginOptions plugins = new PluginOptions();
  @Mixin private SettingOptions settings = new SettingOptions();

  @Option(
      names = "--group",
      description = "Count differences by kind of call and answer instead of printing each.")
  private boolean group;

  private final MismatchKinds kinds = new MismatchKinds();

  LiveCheckCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    Machine machine = Machine.ask();
    console.err().println(machine.describe());
    try (var world = new World(plugins, settings, console)) {
      var run = new LiveRun(machine, live.options(), world.technologies());
      var model = new KvmLogReplayer(world.technologies()).withSettings(world.settings());
      var document = new LiveDocument("check", machine.describe());
      long different = 0;
      for (Path file : live.files()) {
        Consumer<Mismatch> told = live.json() ? document::difference : this::tell;
        var check = new LiveCheck(file.toString(), model, told);
        try (var progress = new Progress(console, file.toString(), _ -> {})) {
          run.run(progress.watch(Inputs.source(file)), live.program(), check);
        }
        different += check.different();
      }
      kinds.print(console);
      LiveReport.passedOver(console, run.totals());
      different += run.totals().hung().size();
      if (live.json()) {
        document.print(console, run.totals());
        return different == 0 ? ExitCode.CLEAN : ExitCode.FOUND;
      }
      String end = LiveReport.counts(run.totals()) + " different=" + different;
      console.out().println(different == 0 ? console.green(end) : console.red(end));
      return different == 0 ? ExitCode.CLEAN : ExitCode.FOUND;
    }
  }

  private void tell(Mismatch m) {
    if (group) {
      kinds.add(m);
      return;
    }
    console.out().println(console.bold(m.log() + ":" + m.line()) + ": program " + m.program());
    console.out().println("  call    " + m.call());
    console.out().println("  kernel  " + m.expected());
    console.out().println("  model   " + m.got());
  }
}
