package dev.cocovisor.cli.run;

import dev.cocovisor.bugs.Bugs;
import dev.cocovisor.bugs.LeftOut;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.hunt.Found;
import dev.cocovisor.bugs.hunt.Hunt;
import dev.cocovisor.bugs.hunt.Unexplored;
import dev.cocovisor.bugs.hunt.Verdict;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.explore.Limits;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Lists the bugs of history that can be put into a host, and checks that each is found. */
@Command(
    name = "bugs",
    mixinStandardHelpOptions = true,
    description = {
      "Lists the bugs of history that can be put into a host, and checks that each is found.",
      "explore --bug ID searches one of them; docs/known-bugs.md tells of all."
    })
public final class BugsCommand implements Callable<Integer> {
  /** Random programs tried for each bug. */
  private static final int PROGRAMS = 50;

  private final Console console;

  @Parameters(
      paramLabel = "ID",
      arity = "0..*",
      description = "Bugs; without one, all of them. One alone is shown with its scenario.")
  private List<String> ids = List.of();

  @Option(
      names = "--check",
      description = "Look for each with the bug and without it; exit 1 unless all is as it should.")
  private boolean check;

  @Option(
      names = "--unexplored",
      paramLabel = "RECORDING",
      arity = "1..*",
      description =
          "Put each in and tell whether replays of these recordings, or random programs, notice.")
  private List<Path> recordings = List.of();

  @Option(
      names = "--examples",
      paramLabel = "SCENARIO",
      arity = "1..*",
      description = "Put each in and tell whether one of these scenarios goes wrong by it.")
  private List<Path> examples = List.of();

  @Option(
      names = "--kit",
      description = "Put each in and tell which rule of the compatibility kit fails by it.")
  private boolean kit;

  @Option(
      names = "--markdown",
      description = "With --unexplored, --examples or --kit: rows of a table.")
  private boolean markdown;

  @Option(names = "--all", description = "Print also those the model cannot hold, and why.")
  private boolean everything;

  @Option(
      names = "--seconds",
      paramLabel = "N",
      defaultValue = "60",
      description = "The most time for each exploration; default ${DEFAULT-VALUE}.")
  private long seconds = 60;

  @Mixin private PluginOptions plugins = new PluginOptions();

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  public BugsCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    if (seconds < 1) {
      throw new UsageException("--seconds: a number from 1 expected");
    }
    List<Bug> chosen = chosen();
    if (!recordings.isEmpty() || !examples.isEmpty() || kit) {
      return unexplored(chosen);
    }
    return check ? check(chosen) : list(chosen);
  }

  private List<Bug> chosen() {
    if (ids.isEmpty()) {
      return Bugs.list();
    }
    try {
      return ids.stream().map(Bugs::of).toList();
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  private int list(List<Bug> chosen) {
    if (json) {
      var doc = document(chosen.stream().map(this::entry).toList());
      if (everything) {
        doc.put("left_out", LeftOut.ALL.stream().map(BugsCommand::entry).toList());
      }
      console.json(doc);
      return ExitCode.CLEAN;
    }
    if (ids.size() == 1) {
      show(chosen.getFirst());
      return ExitCode.CLEAN;
    }
    for (Bug b : chosen) {
      console.out().println("%-16s %-12s %s".formatted(b.id(), b.area(), b.mechanism()));
    }
    if (everything) {
      for (LeftOut l : LeftOut.ALL) {
        console
            .out()
            .println(
                "%-16s %-12s %s".formatted(l.id(), l.area(), console.dim("not held: " + l.why())));
      }
    }
    console.out().println("bugs=%d left_out=%d".formatted(chosen.size(), LeftOut.ALL.size()));
    return ExitCode.CLEAN;
  }

  private void show(Bug b) {
    console.out().println(b.id() + ", " + b.area() + ", on " + b.technology());
    console.out().println("  goes wrong  " + b.mechanism());
    console.out().println("  mended by   " + b.fix());
    console.out().println("  find it     ./cocovisor explore --bug " + b.id());
    console.out().println(b.scenario().stripTrailing().indent(4).stripTrailing());
  }

  private int unexplored(List<Bug> chosen) {
    try (var world = new World(plugins, new SettingOptions(), console)) {
      List<Bug> here = chosen.stream().filter(b -> isHere(b, world)).toList();
      var others = new Unexplored(world.technologies());
      var judges = new KitOnBugs(world.technologies());
      var entries = new ArrayList<Map<String, Object>>();
      for (Bug b : here) {
        var seen = new LinkedHashMap<String, Object>();
        if (!recordings.isEmpty()) {
          seen.put("replay", others.replaySees(b, recordings));
          seen.put("generate", others.generateSees(b, PROGRAMS));
        }
        if (!examples.isEmpty()) {
          seen.put("examples", others.examplesSee(b, examples));
        }
        if (kit) {
          String rule = judges.sees(b);
          seen.put("kit", !rule.isEmpty());
          if (!rule.isEmpty()) {
            seen.put("rule", rule);
          }
        }
        Map<String, Object> e = entry(b);
        e.putAll(seen);
        entries.add(e);
        if (!json) {
          console.out().println(line(b, seen));
        }
      }
      if (json) {
        console.json(document(entries));
      }
      return ExitCode.CLEAN;
    }
  }

  private String line(Bug b, Map<String, Object> seen) {
    var words = new ArrayList<String>();
    Object rule = seen.get("rule");
    seen.forEach((who, does) -> {
      if (does instanceof Boolean yes) {
        String answer = !yes ? "no" : who.equals("kit") ? String.valueOf(rule) : "yes";
        words.add(markdown ? answer : who + "=" + answer);
      }
    });
    return markdown
        ? "| `" + b.id() + "` | " + String.join(" | ", words) + " |"
        : "%-16s %s".formatted(b.id(), String.join(" ", words));
  }

  private int check(List<Bug> chosen) {
    try (var world = new World(plugins, new SettingOptions(), console)) {
      List<Bug> here = chosen.stream().filter(b -> isHere(b, world)).toList();
      var hunt = new Hunt(world.technologies(), Limits.DEFAULT.withMillis(seconds * 1000));
      var entries = new ArrayList<Map<String, Object>>();
      int found = 0;
      int clean = 0;
      for (Bug b : here) {
        Verdict v = Verdict.of(b, hunt);
        found += v.found() ? 1 : 0;
        clean += v.clean() ? 1 : 0;
        entries.add(entry(v));
        if (!json) {
          print(v);
        }
      }
      boolean all = found == chosen.size() && clean == chosen.size();
      if (json) {
        var doc = document(entries);
        doc.put("found", found);
        doc.put("clean", clean);
        console.json(doc);
      } else {
        String summary = "bugs=%d found=%d clean=%d".formatted(chosen.size(), found, clean);
        console.out().println(all ? console.green(summary) : console.red(summary));
      }
      return all ? ExitCode.CLEAN : ExitCode.FOUND;
    }
  }

  /** A bug of a technology that came as a plugin, and is neither built nor given, is not found. */
  private boolean isHere(Bug b, World world) {
    try {
      var _ = world.known(b.technology());
      return true;
    } catch (UsageException e) {
      console.err().println(b.id() + " cannot be looked for: " + e.getMessage());
      return false;
    }
  }

  private void print(Verdict v) {
    Found there = v.there();
    String line =
        "%-16s %-9s %-6s schedules=%d millis=%d %s"
            .formatted(
                v.bug().id(),
                v.found() ? "found" : "not found",
                v.clean() ? "clean" : "broken",
                there.schedules(),
                there.millis(),
                there.strategy());
    console.out().println(v.found() && v.clean() ? line : console.red(line));
    if (v.found()) {
      console.out().println(console.dim("    " + firstLine(there.what())));
    }
    if (v.absent().broke()) {
      console.out().println(console.red("    without it: " + v.absent().what()));
    } else if (!v.absent().whole()) {
      console.out().println(console.red("    without it: stopped after " + v.absent().schedules()));
    }
  }

  private static String firstLine(String text) {
    int end = text.indexOf('\n');
    return end < 0 ? text : text.substring(0, end) + " …";
  }

  private static Map<String, Object> document(List<? extends Map<String, Object>> entries) {
    var doc = new LinkedHashMap<String, Object>();
    doc.put("format", "cocovisor.bugs");
    doc.put("version", 1);
    doc.put("bugs", entries);
    return doc;
  }

  private Map<String, Object> entry(Bug b) {
    var e = new LinkedHashMap<String, Object>();
    e.put("id", b.id());
    e.put("area", b.area().toString());
    e.put("technology", b.technology());
    e.put("fix", b.fix());
    e.put("mechanism", b.mechanism());
    return e;
  }

  private static Map<String, Object> entry(LeftOut l) {
    var e = new LinkedHashMap<String, Object>();
    e.put("id", l.id());
    e.put("area", l.area());
    e.put("why", l.why());
    return e;
  }

  private Map<String, Object> entry(Verdict v) {
    var e = entry(v.bug());
    e.put("found", v.found());
    e.put("what", v.there().what());
    e.put("schedules", v.there().schedules());
    e.put("millis", v.there().millis());
    e.put("strategy", v.there().strategy());
    e.put("clean", v.clean());
    e.put("clean_schedules", v.absent().schedules());
    v.there().finding().ifPresent(f -> e.put("schedule", f.schedule().toString()));
    if (v.absent().broke()) {
      e.put("without_it", v.absent().what());
    }
    return e;
  }
}
