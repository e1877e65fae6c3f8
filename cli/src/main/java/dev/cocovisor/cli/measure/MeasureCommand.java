package dev.cocovisor.cli.measure;

import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.MeasureExtras;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.cli.find.Measurers;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.OutputFile;
import dev.cocovisor.cli.print.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * Computes launch measurements, explains them page by page, tells where two part, and checks vector
 * files. The inputs of a measurement are options that the measurers themselves declare.
 */
@Command(
    name = "measure",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Computes the launch measurement of a guest from the files it boots from.",
    footer = {
      "",
      "Modes: snp, snp:ovmf-hash, snp:svsm, sev-es (seves), sev, tdx, cca; igvm for what an IGVM"
          + " file",
      "is made for, or igvm:snp, igvm:tdx; rtmr for all run-time registers of a TD, or rtmr:0 to"
          + " rtmr:3.",
      "Examples:",
      "  cocovisor measure snp --vcpus 4 --vcpu-type EPYC-v4 --ovmf OVMF.fd --kernel vmlinuz",
      "  cocovisor measure tdx --ovmf OVMF.fd --explain",
      "  cocovisor measure igvm coconut-qemu.igvm",
      "  cocovisor measure rtmr --event-log ccel.bin",
      "  cocovisor measure cca --steps realm.steps --hash-algo sha512",
      "  cocovisor measure tdx --diff old.fd new.fd",
      "  cocovisor measure --vectors conformance/vectors/vectors-snp.json"
    })
public final class MeasureCommand implements Callable<Integer> {
  private final Console console;
  private final Measurers measurers;

  @Spec private @Nullable CommandSpec spec;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "MODE",
      description = "What to measure, see below.")
  private @Nullable String mode;

  @Parameters(
      index = "1",
      arity = "0..1",
      paramLabel = "FILE",
      description = "The mode's main input, in place of its option.")
  private @Nullable String input;

  @Option(names = "--mode", paramLabel = "MODE", description = "The same as an option.")
  private @Nullable String modeOption;

  @Option(
      names = "--output-format",
      paramLabel = "hex|base64",
      defaultValue = "hex",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "How the measurement is printed (default: ${DEFAULT-VALUE}).")
  private String outputFormat = "hex";

  @Option(
      names = "--explain",
      description =
          "Print every page that enters: type, address, content hash, measurement after it,"
              + " origin.")
  private boolean explain;

  @Option(
      names = "--dump-vmsa",
      description = "Write each measured save area to vmsaN.bin in the current folder.")
  private boolean dumpVmsa;

  @Option(
      names = "--dump-folder",
      paramLabel = "FOLDER",
      description = "Where --dump-vmsa writes instead.")
  private Path dumpFolder = Path.of("");

  @Option(
      names = "--diff",
      arity = "2",
      paramLabel = "FILE",
      description =
          "Name the first page where two measurements part, and why. Each file is either saved"
              + " output of --explain or takes the place of the mode's main input.")
  private @Nullable List<Path> diff;

  @Option(
      names = "--vectors",
      paramLabel = "FILE",
      description = "Check a vector file, or all of a folder; may be repeated.")
  private @Nullable List<Path> vectors;

  @Option(names = "--case", paramLabel = "NAME", description = "Only this case of the vectors.")
  private @Nullable String only;

  /** Looked at before the command is made, since technologies bring modes and options. */
  @SuppressWarnings("UnusedVariable") // picocli's: so that the options are known and explained
  @Mixin
  private PluginOptions plugins = new PluginOptions();

  @Option(names = "--force", description = "Overwrite files that are there.")
  private boolean force;

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  private MeasureCommand(Console console, Measurers measurers) {
    this.console = console;
    this.measurers = measurers;
  }

  /** Creates the command with the options of all measurers. */
  public static CommandLine create(Console console, Measurers measurers) {
    CommandSpec spec = CommandSpec.forAnnotatedObject(new MeasureCommand(console, measurers));
    measurers
        .options()
        .forEach((name, help) ->
            spec.addOption(
                OptionSpec.builder("--" + name)
                    .paramLabel("VALUE")
                    .type(String.class)
                    .description(help.replace("%", "%%"))
                    .build()));
    return new CommandLine(spec);
  }

  /**
   * Lets the JVM make its hashes ready while technologies are looked for: its first hash of a
   * process takes as long as those of a whole firmware.
   */
  public static void prepare() {
    Thread ahead =
        new Thread(
            () -> {
              try {
                var _ = MessageDigest.getInstance("SHA-384").digest(new byte[256]);
              } catch (NoSuchAlgorithmException e) {
                // Whoever measures says so.
              }
            },
            "first hash");
    ahead.setDaemon(true);
    ahead.start();
  }

  /**
   * Returns the command for a line that gives a mode, perhaps its main input, and options of the
   * mode's measurer by {@code --name value}, each once: such a line needs no reading of the
   * command's own options, which takes longer than measuring. Null for any other line.
   */
  public static @Nullable Callable<Integer> plain(
      Console console, Measurers measurers, String... args) {
    if (args.length < 2 || !measurers.modes().contains(args[1])) {
      return null;
    }
    String mode = args[1];
    LaunchMeasurer measurer = measurers.forMode(mode);
    Map<String, String> known = measurer.options(mode);
    Map<String, String> given = new LinkedHashMap<>();
    int at = 2;
    if (args.length % 2 == 1) {
      if (!word(args[at])) {
        return null;
      }
      given.put(measurer.mainInput(mode), args[at++]);
    }
    for (; at < args.length; at += 2) {
      String name = args[at].startsWith("--") ? args[at].substring(2) : "";
      if (!known.containsKey(name)
          || !word(args[at + 1])
          || given.putIfAbsent(name, args[at + 1]) != null) {
        return null;
      }
    }
    MeasureCommand command = new MeasureCommand(console, measurers);
    return () -> {
      try {
        return command.measure(mode, List.of(mode), given);
      } catch (MeasureException e) {
        throw refusal(mode, e);
      }
    };
  }

  /** Tells whether an argument is a value and nothing that could be read otherwise. */
  private static boolean word(String argument) {
    return !argument.isEmpty() && argument.charAt(0) != '-' && argument.charAt(0) != '@';
  }

  private static UsageException refusal(String mode, MeasureException e) {
    return new UsageException("measure " + mode + ": " + e.getMessage());
  }

  @Override
  public Integer call() throws IOException {
    if (!outputFormat.equals("hex") && !outputFormat.equals("base64")) {
      throw new UsageException("--output-format is hex or base64, not '" + outputFormat + "'");
    }
    if (vectors != null) {
      return new MeasureVectors(console, measurers).run(vectors, only, json);
    }
    if (mode != null && modeOption != null && !mode.equals(modeOption)) {
      throw new UsageException("two modes are given: " + mode + " and " + modeOption);
    }
    String chosen = mode != null ? mode : modeOption;
    if (chosen == null) {
      throw new UsageException("which mode? " + String.join(", ", measurers.modes()));
    }
    List<String> modes = measurers.family(chosen);
    Map<String, String> given = options(chosen, modes);
    try {
      if (diff != null) {
        if (modes.size() > 1) {
          throw new UsageException("--diff compares one mode: " + String.join(", ", modes));
        }
        return new MeasureDiff(console, measurers.forMode(chosen), chosen, given)
            .run(diff.getFirst(), diff.getLast(), json);
      }
      return measure(chosen, applicable(modes, given), given);
    } catch (MeasureException e) {
      throw refusal(chosen, e);
    }
  }

  /** Leaves the modes of a family that the main input is for. */
  private List<String> applicable(List<String> modes, Map<String, String> given) {
    if (modes.size() == 1) {
      return modes;
    }
    List<String> out = new ArrayList<>();
    for (String m : modes) {
      LaunchMeasurer measurer = measurers.forMode(m);
      String file = given.get(measurer.mainInput(m));
      if (file == null || measurer.appliesTo(m, Path.of(file))) {
        out.add(m);
      }
    }
    if (out.isEmpty()) {
      throw new MeasureException("the input is for none of " + String.join(", ", modes));
    }
    return out;
  }

  private int measure(String chosen, List<String> modes, Map<String, String> given)
      throws IOException {
    List<Map<String, Object>> documents = new ArrayList<>();
    List<Runnable> prints = new ArrayList<>(); // nothing is printed of a family that fails
    int exit = ExitCode.CLEAN;
    for (String m : modes) {
      LaunchMeasurer measurer = measurers.forMode(m);
      Map<String, String> options = new LinkedHashMap<>(given);
      options.keySet().retainAll(measurer.options(m).keySet());
      Explanation explanation = new Explanation();
      VmsaDump dump = new VmsaDump(explain ? explanation.steps()::add : StepSink.NONE);
      byte[] value = measurer.measure(m, options, dump);
      MeasureExtras extras = measurer.extras(m, options, value);
      if (dumpVmsa) {
        for (Path written : dump.write(dumpFolder)) {
          console.err().println("cocovisor: wrote " + written);
        }
      }
      String text =
          outputFormat.equals("hex")
              ? HexFormat.of().formatHex(value)
              : Base64.getEncoder().encodeToString(value);
      write(extras.files());
      if (json) {
        documents.add(explanation.document(m, text, explain, extras));
      } else {
        prints.add(() -> print(m, modes.size() > 1, text, explanation, extras));
      }
      for (String fault : extras.faults()) {
        console.err().println("cocovisor: measure " + m + ": " + fault);
        exit = ExitCode.FOUND;
      }
    }
    prints.forEach(Runnable::run);
    if (json) {
      console.json(
          modes.equals(List.of(chosen))
              ? documents.getFirst()
              : Explanation.family(chosen, documents));
    }
    return exit;
  }

  private void print(
      String m, boolean several, String text, Explanation explanation, MeasureExtras extras) {
    if (explain) {
      explanation.print(m, console.out());
    }
    String name = several ? m + " " : "";
    console.out().println(explain ? name + "measurement " + text : name + text);
    extras.lines().forEach((key, value) -> console.out().println(key + "=" + value));
  }

  private void write(Map<Path, byte[]> files) throws IOException {
    for (Path file : files.keySet()) {
      OutputFile.check("measure", file, force);
    }
    for (Map.Entry<Path, byte[]> e : files.entrySet()) {
      Files.write(e.getKey(), e.getValue());
      console.err().println("cocovisor: wrote " + e.getKey());
    }
  }

  /** Collects the measurer's options from the command line; says which do not enter. */
  private Map<String, String> options(String chosen, List<String> modes) {
    Map<String, String> known = new LinkedHashMap<>();
    Map<String, String> out = new LinkedHashMap<>();
    for (String m : modes) {
      LaunchMeasurer measurer = measurers.forMode(m);
      known.putAll(measurer.options(m));
      if (input != null) {
        out.put(measurer.mainInput(m), input);
      }
    }
    Map<String, String> all = measurers.options();
    CommandSpec s = java.util.Objects.requireNonNull(spec, "set by picocli");
    for (OptionSpec option : s.commandLine().getParseResult().matchedOptions()) {
      String name = option.longestName().substring(2);
      if (known.containsKey(name)) {
        if (out.containsKey(name)) {
          throw new UsageException("two files are given: " + input + " and by --" + name);
        }
        out.put(name, option.getValue());
      } else if (all.containsKey(name)) {
        console
            .err()
            .println("cocovisor: --" + name + " does not enter a " + chosen + " measurement");
      }
    }
    return out;
  }
}
