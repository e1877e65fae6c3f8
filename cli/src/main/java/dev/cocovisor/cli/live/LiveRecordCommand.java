package dev.cocovisor.cli.live;

import dev.cocovisor.cli.find.Inputs;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.Progress;
import dev.cocovisor.live.kvm.LiveRun;
import dev.cocovisor.live.kvm.Machine;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogWriter;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.zip.GZIPOutputStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes what this machine's kernel answers as a log. */
@Command(
    name = "record",
    mixinStandardHelpOptions = true,
    description = {
      "Runs logs on this machine's kernel and writes the same programs with its answers, page",
      "counters and the host's profile included, as a log that replays."
    })
public final class LiveRecordCommand implements Callable<Integer> {
  private final Console console;
  @Mixin private LiveOptionsMixin live = new LiveOptionsMixin();
  @Mixin private PluginOptions plugins = new PluginOptions();

  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "LOG",
      description = "The log to write; packed if it ends in .gz.")
  private Path output = Path.of("");

  LiveRecordCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    Machine machine = Machine.ask();
    console.err().println(machine.describe());
    try (var world = new World(plugins, new SettingOptions(), console);
        OutputStream raw = Files.newOutputStream(output);
        OutputStream packed = output.toString().endsWith(".gz") ? new GZIPOutputStream(raw) : raw;
        var out =
            new BufferedWriter(new OutputStreamWriter(packed, StandardCharsets.UTF_8), 1 << 16)) {
      out.write("# Answers of a running kernel: " + machine.describe() + "\n");
      var run = new LiveRun(machine, live.options(), world.technologies());
      for (Path file : live.files()) {
        try (var progress = new Progress(console, file.toString(), _ -> {})) {
          run.run(
              progress.watch(Inputs.source(file)),
              live.program(),
              program -> {
                out.write("\n# program " + program.number() + "\n");
                for (LogCall c : program.calls()) {
                  out.write(LogWriter.line(c));
                  out.write('\n');
                }
                return true;
              });
        }
      }
      LiveReport.passedOver(console, run.totals());
      if (live.json()) {
        new LiveDocument("record", machine.describe())
            .log(output.toString())
            .print(console, run.totals());
      } else {
        console.out().println(LiveReport.counts(run.totals()) + " log=" + output);
      }
      return run.totals().hung().isEmpty() ? ExitCode.CLEAN : ExitCode.BUDGET;
    }
  }
}
