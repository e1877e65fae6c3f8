package dev.cocovisor.cli.run;

import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.OutputFile;
import dev.cocovisor.cli.print.Progress;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.script.generate.ProgramGenerator;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogWriter;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Runs random programs on the model and saves them with their answers. */
@Command(
    name = "generate",
    mixinStandardHelpOptions = true,
    description = {
      "Runs random programs on the model and saves them with their answers, as a log that",
      "replays. After every call the invariants of the model are checked. One seed always gives",
      "one log. With --backend, programs are made of what every technology's guest and VMM do:",
      "VMs, vCPUs, settings, conversions, holes, moves, reboots, failures of the host and its",
      "trusted half; what goes wrong is made short and written as a scenario."
    })
public final class GenerateCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(
      arity = "0..1",
      paramLabel = "LOG",
      description = "The log to write; packed if it ends in .gz. May be left out with --backend.")
  private @Nullable Path file;

  @Option(names = "--programs", paramLabel = "N", defaultValue = "100", description = "How many.")
  private int programs;

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "1",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "Names the programs.")
  private long seed;

  @Option(
      names = "--length",
      paramLabel = "N",
      defaultValue = "50",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "About how many calls in a program.")
  private int length;

  @Option(names = "--shadow", description = "On a host without the TDP MMU.")
  private boolean shadow;

  @Option(
      names = "--first",
      paramLabel = "N",
      defaultValue = "0",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "The number of the first program.")
  private int first;

  @Option(
      names = "--backend",
      paramLabel = "ID",
      description = "Guests of this technology, a plugin's too; may be repeated.")
  private List<String> backends = List.of();

  @Option(
      names = "--calls",
      paramLabel = "N",
      defaultValue = "0",
      description = "With --backend: programs until so many calls were made on each.")
  private long calls;

  @Option(
      names = "--no-faults",
      description = "With --backend: let nothing fail, neither memory nor a trusted half.")
  private boolean noFaults;

  @Option(
      names = "--coverage",
      description = "With --backend: print which hooks, table rows and answers were reached.")
  private boolean coverage;

  @Option(
      names = "--findings",
      paramLabel = "FOLDER",
      defaultValue = ".",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "With --backend: where scenarios of what went wrong are written.")
  private Path findings = Path.of(".");

  @Mixin private StepLimit limit = new StepLimit();

  @Mixin private PluginOptions plugins = new PluginOptions();

  @Mixin private SettingOptions settings = new SettingOptions();

  @Option(
      names = "--no-checks",
      description = "Do not check the invariants after every call, which takes most of the time.")
  private boolean noChecks;

  @Option(names = "--force", description = "Overwrite the log if it is there.")
  private boolean force;

  public GenerateCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    if (programs < 1 || length < 1 || first < 0 || calls < 0) {
      throw new UsageException(
          "--programs and --length take numbers from 1, --first and --calls from 0");
    }
    Path log = file;
    if (log != null) {
      OutputFile.check("LOG", log, force);
    }
    try (var world = new World(plugins, settings, console)) {
      if (!backends.isEmpty()) {
        return guests(world, log);
      }
      if (log == null) {
        throw new UsageException(
            "name the log to write, or a technology by --backend: generate LOG");
      }
      return generate(world, log);
    }
  }

  private int guests(World world, @Nullable Path log) throws IOException {
    var asked =
        new GuestPrograms.Asked(
            world.known(backends),
            seed,
            first,
            calls == 0 ? programs : Integer.MAX_VALUE - first,
            calls,
            length,
            !noFaults,
            coverage,
            findings,
            force);
    var runs = new GuestPrograms(world, console, asked, n -> reproduce((int) n));
    if (log == null) {
      return runs.run(null, limit);
    }
    try (Writer out = writer(log)) {
      out.write("# Answers of the model, random programs, seed " + seed + "\n");
      return runs.run(out, limit);
    }
  }

  private static Writer writer(Path log) throws IOException {
    OutputStream raw = Files.newOutputStream(log);
    OutputStream packed = log.toString().endsWith(".gz") ? new GZIPOutputStream(raw) : raw;
    return new BufferedWriter(new OutputStreamWriter(packed, StandardCharsets.UTF_8), 1 << 16);
  }

  private int generate(World world, Path log) throws IOException {
    HostConfig host = HostConfig.DEFAULT.withTdpMmu(!shadow);
    for (Map.Entry<String, String> s : world.settings().entrySet()) {
      host = host.withSetting(s.getKey(), s.getValue());
    }
    HostConfig ready = host;
    var totals = new Totals();
    try (var progress = new Progress(console, log.toString());
        Writer out = writer(log)) {
      out.write("# Answers of the model, " + programs + " random programs, seed " + seed + "\n");
      for (int i = first; i < first + programs; i++) {
        out.write("\n# program " + i + "\n");
        totals.program = i;
        ProgramGenerator.generate(
            seed * 1_000_003L + i,
            ready,
            length,
            call -> write(out, call, totals),
            noChecks ? _ -> {} : process -> check(process, totals));
        progress.done(i - first + 1L, programs, "programs");
      }
    }
    console
        .out()
        .println(
            "programs="
                + programs
                + " calls="
                + totals.calls
                + " checks="
                + totals.checks
                + " violations="
                + totals.violations
                + " log="
                + log);
    return totals.violations == 0 ? ExitCode.CLEAN : ExitCode.FOUND;
  }

  /** What was counted so far, and where the generator is. */
  private static final class Totals {
    private int program;
    private String call = "";
    private long calls;
    private long checks;
    private long violations;
  }

  private static void write(Writer out, LogCall call, Totals totals) {
    try {
      totals.call = LogWriter.line(call);
      totals.calls++;
      out.write(totals.call);
      out.write('\n');
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void check(KvmProcess process, Totals totals) {
    totals.checks++;
    process
        .kvm()
        .checkInvariants(broken -> {
          if (totals.violations++ == 0) {
            console.out().println("program " + totals.program + ": " + totals.call);
            console.out().println("  " + broken);
            console.out().println("  reproduce  " + reproduce(totals.program));
          }
        });
  }

  private String reproduce(int program) {
    var words = new ArrayList<String>();
    words.add("generate");
    if (file != null && backends.isEmpty()) {
      words.add(file.toString());
    }
    words.addAll(List.of("--seed", Long.toString(seed)));
    words.addAll(List.of("--first", Integer.toString(program), "--programs", "1"));
    words.addAll(List.of("--length", Integer.toString(length)));
    if (shadow) {
      words.add("--shadow");
    }
    if (noFaults) {
      words.add("--no-faults");
    }
    backends.forEach(b -> words.addAll(List.of("--backend", b)));
    return World.command(words, settings, plugins);
  }
}
