package dev.cocovisor.cli;

import dev.cocovisor.cli.campaign.CampaignCommand;
import dev.cocovisor.cli.find.Measurers;
import dev.cocovisor.cli.live.LiveCommand;
import dev.cocovisor.cli.measure.MeasureCommand;
import dev.cocovisor.cli.plugin.BackendsCommand;
import dev.cocovisor.cli.plugin.PluginsCommand;
import dev.cocovisor.cli.plugin.TckCommand;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.run.BugsCommand;
import dev.cocovisor.cli.run.CompareCommand;
import dev.cocovisor.cli.run.DiffCommand;
import dev.cocovisor.cli.run.ExploreCommand;
import dev.cocovisor.cli.run.GenerateCommand;
import dev.cocovisor.cli.run.KernelsCommand;
import dev.cocovisor.cli.run.RacesCommand;
import dev.cocovisor.cli.run.ReplayCommand;
import dev.cocovisor.cli.run.RunCommand;
import dev.cocovisor.cli.step.StepCommand;
import dev.cocovisor.cli.trace.ImportCommand;
import dev.cocovisor.cli.trace.LiftCommand;
import dev.cocovisor.cli.trace.RecordCommand;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;

/**
 * The commands by name. A start makes the one it runs and no other: to make one, picocli looks at
 * every annotation of its class.
 */
final class Commands {
  private Commands() {}

  /**
   * Adds the command called {@code word}; if there is none, or it is about all of them, every one.
   */
  static void add(CommandLine line, Console console, Measurers measurers, String word) {
    Map<String, Supplier<Object>> all = all(console, measurers);
    Supplier<Object> one = all.get(word);
    if (one != null && !word.equals("completion") && !word.equals("man")) {
      line.addSubcommand(word, one.get());
    } else {
      all.forEach((name, command) -> line.addSubcommand(name, command.get()));
    }
  }

  /**
   * Returns a command that stands alone on the line, null if it wants to be read like any other.
   * Where no option is given there is nothing to read: its fields say what is meant without them.
   */
  static @Nullable Callable<Integer> alone(Console console, String... args) {
    return args.length == 1 && args[0].equals("backends") ? new BackendsCommand(console) : null;
  }

  private static Map<String, Supplier<Object>> all(Console console, Measurers measurers) {
    Map<String, Supplier<Object>> all = new LinkedHashMap<>();
    all.put("replay", () -> new ReplayCommand(console));
    all.put("measure", () -> MeasureCommand.create(console, measurers));
    all.put("run", () -> new RunCommand(console));
    all.put("compare", () -> new CompareCommand(console));
    all.put("kernels", () -> new KernelsCommand(console));
    all.put("explore", () -> new ExploreCommand(console));
    all.put("bugs", () -> new BugsCommand(console));
    all.put("races", () -> new RacesCommand(console));
    all.put("generate", () -> new GenerateCommand(console));
    all.put("live", () -> LiveCommand.create(console));
    all.put("import", () -> new ImportCommand(console));
    all.put("completion", () -> new CompletionCommand(console));
    all.put("man", () -> new ManCommand(console));
    all.put("diff", () -> new DiffCommand(console));
    all.put("step", () -> new StepCommand(console));
    all.put("record", () -> new RecordCommand(console));
    all.put("lift", () -> new LiftCommand(console));
    all.put("campaign", () -> CampaignCommand.create(console, Main.Version::text));
    all.put("backends", () -> new BackendsCommand(console));
    all.put("plugins", () -> new PluginsCommand(console));
    all.put("tck", () -> new TckCommand(console));
    return all;
  }
}
