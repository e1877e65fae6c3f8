package dev.cocovisor.cli.run;

import dev.cocovisor.api.Backend;
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
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.zip.GZIPOutputStream;
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
      "one log."
    })
public final class GenerateCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(paramLabel = "LOG", description = "The log to write; packed if it ends in .gz.")
  private Path file = Path.of("");

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
      description = "On a host with this technology, with VMs of its types; may be repeated.")
  private List<String> backends = List.of();

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
    if (programs < 1 || length < 1 || first < 0) {
      throw new UsageException("--programs and --length take numbers from 1, --first from 0");
    }
    OutputFile.check("LOG", file, force);
    try (var world = new World(plugins, settings, console)) {
      return generate(world);
    }
  }

  private int generate(World world) throws IOException {
    List<Backend> present = new ArrayList<>();
    HostConfig host = HostConfig.DEFAULT.withTdpMmu(!shadow);
    for (String id : world.known(backends)) {
      Backend b = world.technologies().require(id).backend();
      if (b != null) {
        present.add(b);
        host = host.withArchitecture(b.info().architecture());
      }
    }
    for (Map.Entry<String, String> s : world.settings().entrySet()) {
      host = host.withSetting(s.getKey(), s.getValue());
    }
    HostConfig ready = host;
    var totals = new Totals();
    boolean pack = file.toString().endsWith(".gz");
    try (var progress = new Progress(console, file.toString());
        OutputStream raw = Files.newOutputStream(file);
        OutputStream packed = pack ? new GZIPOutputStream(raw) : raw;
        var out =
            new BufferedWriter(new OutputStreamWriter(packed, StandardCharsets.UTF_8), 1 << 16)) {
      out.write("# Answers of the model, " + programs + " random programs, seed " + seed + "\n");
      for (int i = first; i < first + programs; i++) {
        out.write("\n# program " + i + "\n");
        totals.program = i;
        ProgramGenerator.generate(
            seed * 1_000_003L + i,
            ready,
            present,
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
                + file);
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

  private static void write(BufferedWriter out, LogCall call, Totals totals) {
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
    words.addAll(List.of("generate", file.toString(), "--seed", Long.toString(seed)));
    words.addAll(List.of("--first", Integer.toString(program), "--programs", "1"));
    words.addAll(List.of("--length", Integer.toString(length)));
    if (shadow) {
      words.add("--shadow");
    }
    backends.forEach(b -> words.addAll(List.of("--backend", b)));
    return World.command(words, settings, plugins);
  }
}
