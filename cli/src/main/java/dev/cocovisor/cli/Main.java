package dev.cocovisor.cli;

import dev.cocovisor.api.Nearest;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.campaign.file.CampaignException;
import dev.cocovisor.cli.find.Measurers;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.measure.MeasureCommand;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.Quoting;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.core.VendorFailure;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.load.PluginFailures;
import dev.cocovisor.live.kvm.NoKvmException;
import dev.cocovisor.script.scenario.Standstill;
import dev.cocovisor.script.scenario.StepFailure;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.IntSupplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** The entry of the {@code cocovisor} command. */
@Command(
    name = "cocovisor",
    description =
        "An executable model of how KVM manages the private memory of confidential guests.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    synopsisSubcommandLabel = "COMMAND",
    footer = {
      "",
      "Exit codes: 0 clean, 1 mismatch or violation found, 2 usage or syntax error,",
      "3 plugin error, 4 budget exhausted without verdict, 70 internal error."
    })
public final class Main {
  /** Commands that measure, or tell of one that does. */
  private static final Set<String> MEASURING = Set.of("measure", "man", "completion");

  private final Console console;

  private Main(Console console) {
    this.console = console;
  }

  /** Lets tables be as wide as they like. */
  @Option(
      names = "--wide",
      scope = CommandLine.ScopeType.INHERIT,
      description = "Do not wrap tables to the terminal.")
  void wide(boolean wide) {
    if (wide) {
      console.width().unlimited();
    }
  }

  /** Runs the command and ends the process with its exit code. */
  public static void main(String[] args) {
    PrintStream out = System.out;
    if (args.length == 1 && (args[0].equals("-V") || args[0].equals("--version"))) {
      for (String line : new Version().getVersion()) {
        out.println(line);
      }
      out.flush();
      return;
    }
    // Vendor code may print: only what a command reports reaches the real stdout.
    System.setOut(System.err);
    Console console = Console.of(out, System.err, System::getenv);
    int code = guarded(console, () -> run(console, args), args);
    out.flush();
    end(code);
  }

  /**
   * Ends the process. The JVM looks through every jar for somebody who wants to log that {@code
   * System.exit} was called: where nothing went wrong and no thread is left that it would wait for,
   * returning ends it as well, and shutdown hooks run all the same.
   */
  private static void end(int code) {
    if (code != ExitCode.CLEAN || Thread.activeCount() > 1) {
      System.exit(code);
    }
  }

  /**
   * Makes an exit code of what no command may end by: memory that ran out is a budget that ran out,
   * never a difference that was found, and any other Error is the program's own failure.
   */
  static int guarded(Console console, IntSupplier command, String... args) {
    try {
      return command.getAsInt();
    } catch (OutOfMemoryError e) {
      return refuse(
          console,
          "out of memory: "
              + e.getMessage()
              + ", with "
              + (Runtime.getRuntime().maxMemory() >> 20)
              + " MiB; give it more by COCOVISOR_OPTS=-Xmx8g, or ask for less\nreproduce: "
              + Quoting.command(args),
          ExitCode.BUDGET);
    } catch (Error e) {
      e.printStackTrace(console.err());
      return refuse(
          console,
          "internal error: " + e + "\nreproduce: " + Quoting.command(args),
          ExitCode.INTERNAL);
    }
  }

  /** Runs the command on a console and returns its exit code. */
  static int run(Console console, String... args) {
    Callable<Integer> alone = Commands.alone(console, args);
    if (alone != null) {
      return call(console, alone, alone, args);
    }
    if (args.length == 0 || !MEASURING.contains(args[0])) {
      return run(console, Measurers.NONE, args);
    }
    if (args[0].equals("measure")) {
      MeasureCommand.prepare();
    }
    // What can be measured, and with which options, depends on the technologies there are.
    try (BackendRegistry registry = PluginOptions.of(args).open()) {
      Measurers measurers = new Measurers(registry.backends());
      Callable<Integer> plain =
          args[0].equals("measure") ? MeasureCommand.plain(console, measurers, args) : null;
      return plain == null
          ? run(console, measurers, args)
          : call(console, plain, new Main(console), args);
    } catch (RuntimeException e) {
      return failed(console, new CommandLine(new Main(console)), e, args);
    }
  }

  /** Runs a command that was not read by picocli, of the class of {@code annotated}. */
  private static int call(
      Console console, Callable<Integer> command, Object annotated, String... args) {
    try {
      return command.call();
    } catch (Exception e) {
      return failed(console, new CommandLine(annotated), e, args);
    }
  }

  private static int run(Console console, Measurers measurers, String... args) {
    var line = new CommandLine(new Main(console));
    Commands.add(line, console, measurers, args.length == 0 ? "" : args[0]);
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setOut(writer(console.out()));
    line.setErr(writer(console.err()));
    line.setColorScheme(CommandLine.Help.defaultColorScheme(console.color() ? Ansi.ON : Ansi.OFF));
    line.setExecutionExceptionHandler((e, command, _) -> failed(console, command, e, args));
    CommandLine.IParameterExceptionHandler usual = line.getParameterExceptionHandler();
    line.setParameterExceptionHandler((e, words) -> {
      String meant = misspelt(line, e);
      errorDocument(
          console, meant.isEmpty() ? String.valueOf(e.getMessage()) : meant, ExitCode.USAGE, args);
      return meant.isEmpty()
          ? usual.handleParseException(e, words)
          : refuse(console, meant, ExitCode.USAGE);
    });
    if (args.length == 0) {
      line.usage(console.err());
      return ExitCode.USAGE;
    }
    return line.execute(args);
  }

  /** Names the command that was meant where the first word is none; else returns nothing. */
  private static String misspelt(CommandLine line, ParameterException e) {
    if (e instanceof CommandLine.UnmatchedArgumentException u && e.getCommandLine() == line) {
      String word = u.getUnmatched().getFirst();
      if (!word.startsWith("-")) {
        return Nearest.refusal("command", word, line.getSubcommands().keySet());
      }
    }
    return "";
  }

  /** Where JSON was asked for, an error is a document too. */
  private static void errorDocument(Console console, String message, int code, String... args) {
    if (List.of(args).contains("--json")) {
      var doc = new LinkedHashMap<String, Object>();
      doc.put("format", "cocovisor.error");
      doc.put("version", 1);
      doc.put("code", code);
      doc.put("error", message);
      doc.put("command", Quoting.command(args));
      console.json(doc);
    }
  }

  private static int failed(Console console, CommandLine command, Exception e, String... args) {
    int code = told(console, command, e, args);
    errorDocument(console, String.valueOf(e.getMessage()), code, args);
    return code;
  }

  private static int told(Console console, CommandLine command, Exception e, String... args) {
    return switch (e) {
      case UsageException _,
          LogSyntaxException _,
          ParameterException _,
          NoKvmException _,
          CampaignException _ ->
          refuse(console, String.valueOf(e.getMessage()), ExitCode.USAGE);
      case HostException _ -> refuse(console, String.valueOf(e.getMessage()), ExitCode.PLUGIN);
      case VendorFailure v -> refuse(console, blame(command, v).text(), ExitCode.PLUGIN);
      case StepFailure f when f.getCause() instanceof Standstill s ->
          refuse(
              console,
              f.place() + "\n" + s.getMessage() + "\nreproduce: " + Quoting.command(args),
              ExitCode.BUDGET);
      case StepFailure f when f.getCause() instanceof VendorFailure v ->
          refuse(
              console,
              f.place() + "\n" + blame(command, v).text() + "\nreproduce: " + Quoting.command(args),
              ExitCode.PLUGIN);
      case NoSuchFileException _ ->
          refuse(console, e.getMessage() + ": no such file", ExitCode.USAGE);
      case IOException _ -> refuse(console, "cannot read: " + e.getMessage(), ExitCode.USAGE);
      default -> {
        e.printStackTrace(console.err());
        yield refuse(
            console,
            "internal error: " + e + "\nreproduce: " + Quoting.command(args),
            ExitCode.INTERNAL);
      }
    };
  }

  /** Names the plugin whose backend threw, if the command looked for plugins. */
  private static PluginFinding blame(CommandLine command, VendorFailure failure) {
    for (CommandLine.Model.CommandSpec mixin : command.getCommandSpec().mixins().values()) {
      if (mixin.userObject() instanceof PluginOptions plugins) {
        return plugins.blame(failure);
      }
    }
    return PluginFailures.finding(failure, null);
  }

  private static PrintWriter writer(PrintStream stream) {
    return new PrintWriter(new OutputStreamWriter(stream, StandardCharsets.UTF_8), true);
  }

  private static int refuse(Console console, String message, int code) {
    console.err().println("cocovisor: " + message);
    return code;
  }

  /** Reads the version from the jar's manifest. */
  static final class Version implements CommandLine.IVersionProvider {
    static String text() {
      String version = Main.class.getPackage().getImplementationVersion();
      return (version == null ? "(unpackaged)" : version) + Commit.text();
    }

    @Override
    public String[] getVersion() {
      return new String[] {
        "cocovisor " + text(),
        "JVM " + Runtime.version() + " (" + System.getProperty("java.vendor") + ")"
      };
    }
  }
}
