package dev.cocovisor.cli.run;

import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.cli.find.Inputs;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.Replayers;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.MismatchKinds;
import dev.cocovisor.cli.print.PageOptions;
import dev.cocovisor.cli.print.Progress;
import dev.cocovisor.cli.print.TraceOptions;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.cli.print.VerdictOptions;
import dev.cocovisor.report.trace.FlightRecorder;
import dev.cocovisor.script.replay.KvmLogReplayer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Replays recorded logs on the model and prints every answer that differs. */
@Command(
    name = "replay",
    mixinStandardHelpOptions = true,
    description = "Replays recorded logs on the model and prints every answer that differs.")
public final class ReplayCommand implements Callable<Integer> {
  private static final List<String> OF_OBSERVED =
      List.of(KvmLogReplayer.COMPARED, KvmLogReplayer.SKIPPED);

  private final Console console;

  @Parameters(
      arity = "1..*",
      paramLabel = "FILE",
      description = "Logs, plain or packed by gzip; a folder means all it holds, - is stdin.")
  private List<Path> files = List.of();

  @Option(
      names = "--program",
      paramLabel = "N",
      defaultValue = "-1",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "Replay only program N of each log.")
  private int program;

  @Option(
      names = "--max-mismatches",
      paramLabel = "N",
      defaultValue = "0",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "Stop after N mismatches (0: never).")
  private int maxMismatches;

  @Option(
      names = "--group",
      description = "Count mismatches by kind of call and answer instead of printing each.")
  private boolean group;

  @Option(
      names = "--strict",
      description =
          "Refuse what would be left out: a call that no log has, or of a watched program what is"
              + " not compared; without it, it is named and counted.")
  private boolean strict;

  @Mixin private PluginOptions plugins = new PluginOptions();

  @Mixin private SettingOptions settings = new SettingOptions();

  @Mixin private PageOptions pages = new PageOptions();

  @Mixin private TraceOptions traces = new TraceOptions();

  @Mixin private VerdictOptions verdicts = new VerdictOptions();

  @Mixin private StepLimit limit = new StepLimit();

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  public ReplayCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    if (maxMismatches < 0 || program < -1) {
      throw new UsageException("--program and --max-mismatches take numbers from 0");
    }
    pages.check();
    traces.check(pages);
    verdicts.check(pages);
    try (var world = new World(plugins, settings, console)) {
      var failing = new FailingPrograms();
      int code = replay(replayers(world), failing);
      if (pages.wanted() || traces.wanted()) {
        List<Map<String, Object>> runs = failing.runs(world, console);
        pages.write(failing.page(runs));
        traces.write(runs);
      }
      return code;
    }
  }

  private Replayers replayers(World world) {
    KvmLogReplayer kvm = new KvmLogReplayer(world.technologies()).withSettings(world.settings());
    return new Replayers(
        strict ? kvm : kvm.passingOver(console.err()::println), world.technologies().backends());
  }

  private int replay(Replayers replayers, FailingPrograms failing) throws IOException {
    files = Inputs.files(files, replayers::knows);
    for (Path file : files) {
      var _ = replayers.forFile(file.toString());
    }
    var total = ReplaySummary.NONE;
    var found = new ArrayList<Mismatch>();
    var kinds = new MismatchKinds();
    for (Path file : files) {
      int left = maxMismatches == 0 ? 0 : (int) (maxMismatches - total.mismatches());
      ReplaySummary one;
      var timed = FlightRecorder.begin();
      try (var watch = limit.watch(console);
          var progress = new Progress(console, file.toString(), n -> watch.done(file + ":" + n))) {
        one =
            replayers
                .forFile(file.toString())
                .replay(
                    progress.watch(Inputs.source(file), Inputs.length(file)),
                    new ReplayOptions(program, left),
                    m -> {
                      failing.add(m, reproduce(m));
                      if (json) {
                        found.add(m);
                      } else if (group) {
                        kinds.add(m);
                      } else {
                        print(m);
                      }
                    });
      }
      if (program < 0 && one.calls() == 0) {
        throw new UsageException(file + ": there is no call in it"); // not the same as no mismatch
      }
      timed.done(0, file.toString(), one.mismatches() + " mismatches", (int) one.calls());
      total = total.plus(one);
      failing.done(file.toString(), one);
      if (maxMismatches > 0 && total.mismatches() >= maxMismatches) {
        console.err().println("stopped after " + total.mismatches() + " mismatches");
        break;
      }
    }
    if (program >= 0 && total.programs() == 0) {
      throw new UsageException("no log has a program " + program);
    }
    if (json) {
      console.json(document(total, found));
    } else {
      kinds.print(console);
      printSkipped(total);
      console.out().println(summary(total));
    }
    verdicts.write("cocovisor replay", List.of(), failing.cases(), summaryText(total));
    if (total.notes().containsKey(KvmLogReplayer.STANDSTILLS)) {
      return ExitCode.BUDGET;
    }
    return total.mismatches() == 0 ? ExitCode.CLEAN : ExitCode.FOUND;
  }

  private String summary(ReplaySummary s) {
    return s.mismatches() == 0 ? console.green(summaryText(s)) : console.red(summaryText(s));
  }

  private static String summaryText(ReplaySummary s) {
    var out = new StringBuilder("programs=").append(s.programs()).append(" calls=");
    out.append(s.calls());
    // Of programs that were watched, what was left out is told before what differs.
    for (String name : OF_OBSERVED) {
      if (s.notes().containsKey(name)) {
        out.append(' ').append(name).append('=').append(s.notes().get(name));
      }
    }
    out.append(" mismatches=").append(s.mismatches());
    s.notes()
        .forEach((name, count) -> {
          if (!OF_OBSERVED.contains(name) && !isKindOfSkipped(name)) {
            out.append(' ').append(name).append('=').append(count);
          }
        });
    return out.toString();
  }

  private static boolean isKindOfSkipped(String note) {
    return note.startsWith(KvmLogReplayer.SKIPPED + ":");
  }

  private void printSkipped(ReplaySummary s) {
    s.notes().entrySet().stream()
        .filter(e -> isKindOfSkipped(e.getKey()))
        .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
        .forEach(e -> console.out().printf("%6d  %s%n", e.getValue(), e.getKey()));
  }

  private void print(Mismatch m) {
    console.out().println(console.bold(m.log() + ":" + m.line()) + ": program " + m.program());
    console.out().println("  call       " + m.call());
    console.out().println("  expected   " + m.expected());
    console.out().println("  got        " + m.got());
    console.out().println("  reproduce  " + reproduce(m));
  }

  private String reproduce(Mismatch m) {
    var words = new ArrayList<String>();
    words.addAll(List.of("replay", m.log(), "--program", Integer.toString(m.program())));
    return World.command(words, settings, plugins);
  }

  private Map<String, Object> document(ReplaySummary total, List<Mismatch> found) {
    var list = new ArrayList<Map<String, Object>>();
    for (Mismatch m : found) {
      var entry = new LinkedHashMap<String, Object>();
      entry.put("file", m.log());
      entry.put("line", m.line());
      entry.put("program", m.program());
      entry.put("call", m.call());
      entry.put("expected", m.expected());
      entry.put("got", m.got());
      entry.put("kind", MismatchKinds.of(m));
      entry.put("reproduce", reproduce(m));
      list.add(entry);
    }
    var doc = new LinkedHashMap<String, Object>();
    doc.put("format", "cocovisor.replay");
    doc.put("version", 1);
    doc.put("programs", total.programs());
    doc.put("calls", total.calls());
    doc.put("mismatches", total.mismatches());
    doc.put("notes", total.notes());
    doc.put("found", list);
    return doc;
  }
}
