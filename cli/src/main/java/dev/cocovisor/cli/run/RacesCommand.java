package dev.cocovisor.cli.run;

import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.WorkerOptions;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.Progress;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.explore.Explorer;
import dev.cocovisor.explore.Finding;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.explore.Report;
import dev.cocovisor.explore.Schedule;
import dev.cocovisor.explore.Search;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.explore.library.Library;
import dev.cocovisor.explore.library.Operation;
import dev.cocovisor.report.trace.FlightRecorder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Searches the library of races: operations that meet on one VM, two and two, or three. */
@Command(
    name = "races",
    mixinStandardHelpOptions = true,
    description = {
      "Searches the library of races: every two operations that can meet on one VM.",
      "Without a technology it lists the operations."
    })
public final class RacesCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(paramLabel = "ID", arity = "0..*", description = "Technologies, one after the other.")
  private List<String> ids = List.of();

  @Option(
      names = "--meeting",
      paramLabel = "OPERATIONS",
      description = "These that meet, with commas, in place of every pair; may be repeated.")
  private List<String> meetings = List.of();

  @Option(
      names = "--with",
      paramLabel = "OPERATION",
      description = "Only meetings that it takes part in; may be repeated.")
  private List<String> with = List.of();

  @Option(
      names = "--triples",
      description = "Every three operations that touch one private page, in place of the pairs.")
  private boolean triples;

  @Mixin private SearchLimits reach = new SearchLimits(86_400);

  @Mixin private WorkerOptions workers = new WorkerOptions();

  @Option(
      names = "--schedule",
      paramLabel = "ORDER",
      description = "With one --meeting: follow this one schedule, as a finding prints it.")
  private @Nullable String schedule;

  @Option(names = "--each", description = "Print a line for each meeting.")
  private boolean each;

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  @Mixin private PluginOptions plugins = new PluginOptions();

  public RacesCommand(Console console) {
    this.console = console;
  }

  /** What came of one technology. */
  private static final class Tally {
    long meetings;
    long schedules;
    long millis;
    int left;
    final List<Map<String, Object>> findings = new ArrayList<>();
  }

  @Override
  public Integer call() {
    checkNumbers();
    if (ids.isEmpty()) {
      for (Operation o : Operation.values()) {
        console.out().println(o.text());
      }
      return ExitCode.CLEAN;
    }
    try (var world = new World(plugins, new SettingOptions(), console)) {
      world.known(ids);
      long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(reach.seconds());
      var documents = new ArrayList<Map<String, Object>>();
      int code = ExitCode.CLEAN;
      for (String id : ids) {
        Tally tally = search(id, new Library(world.technologies().require(id)), until);
        documents.add(document(id, tally));
        if (!json) {
          console.out().println(summary(id, tally));
        }
        code = worse(code, tally);
      }
      if (json) {
        var doc = new LinkedHashMap<String, Object>();
        doc.put("format", "cocovisor.races");
        doc.put("version", 1);
        doc.put("bound", reach.bound());
        doc.put("technologies", documents);
        console.json(doc);
      }
      return code;
    }
  }

  private static int worse(int code, Tally tally) {
    if (code == ExitCode.FOUND || !tally.findings.isEmpty()) {
      return ExitCode.FOUND;
    }
    return tally.left > 0 ? ExitCode.BUDGET : code;
  }

  private void checkNumbers() {
    reach.check();
    var _ = workers.count();
    if (schedule != null && (meetings.size() != 1 || ids.size() != 1)) {
      throw new UsageException("--schedule: one technology and one --meeting expected");
    }
  }

  private Tally search(String id, Library library, long until) {
    try (var progress = new Progress(console, "races " + id)) {
      return search(id, library, until, progress);
    }
  }

  private Tally search(String id, Library library, long until, Progress progress) {
    var tally = new Tally();
    List<List<Operation>> all = chosen(library);
    for (List<Operation> meeting : all) {
      var timed = FlightRecorder.begin();
      long left = TimeUnit.NANOSECONDS.toMillis(until - System.nanoTime());
      Report r = left <= 0 ? null : explore(library.subject(meeting), left);
      if (r == null || (r.findings().isEmpty() && !r.exhaustive() && schedule == null)) {
        tally.left = (int) (all.size() - tally.meetings);
        return tally;
      }
      tally.meetings++;
      timed.done(0, r.subject(), r.summary(), (int) r.schedules());
      progress.clear();
      tally.schedules += r.schedules();
      tally.millis += r.millis();
      for (Finding f : r.findings()) {
        tally.findings.add(finding(id, meeting, f));
        if (!json) {
          print(id, meeting, r, f);
        }
      }
      if (each && !json) {
        console.out().println(r.subject() + ": " + r.summary());
      }
      progress.done(tally.meetings, all.size(), "meetings");
    }
    return tally;
  }

  private Report explore(Subject subject, long millis) {
    var explorer =
        new Explorer(Limits.DEFAULT.withSchedules(Long.MAX_VALUE).withMillis(millis), false)
            .withWorkers(workers.count());
    if (schedule == null) {
      return explorer.explore(subject, new Search.Preemptions(reach.bound()));
    }
    try {
      return explorer.replay(subject, Schedule.parse(schedule), Set.of());
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  private List<List<Operation>> chosen(Library library) {
    try {
      Set<Operation> there = Set.copyOf(library.operations());
      List<Operation> wanted = with.stream().map(Operation::of).toList();
      if (!meetings.isEmpty()) {
        List<List<Operation>> named = meetings.stream().map(RacesCommand::meeting).toList();
        named.stream()
            .flatMap(List::stream)
            .filter(o -> !there.contains(o))
            .findFirst()
            .ifPresent(o -> {
              throw new UsageException("'" + o.text() + "' has no meaning on this technology");
            });
        return named;
      }
      return (triples ? library.triples() : library.pairs())
          .stream().filter(m -> m.containsAll(wanted)).toList();
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  private static List<Operation> meeting(String text) {
    List<Operation> all =
        List.of(text.split(",", -1)).stream().map(w -> Operation.of(w.strip())).toList();
    if (all.size() < 2 || all.size() > 3) {
      throw new UsageException("--meeting: two or three operations, with commas, expected");
    }
    return all;
  }

  private void print(String id, List<Operation> meeting, Report r, Finding f) {
    console.out().println(console.red(r.subject() + ": " + f.what()));
    f.lanes().forEach(l -> console.out().println("  " + l));
    console.out().println("  reproduce  " + reproduce(id, meeting, f));
  }

  private String reproduce(String id, List<Operation> meeting, Finding f) {
    List<String> words =
        List.of("races", id, "--meeting", text(meeting), "--schedule", f.schedule().toString());
    return World.command(words, new SettingOptions(), plugins);
  }

  private static String text(List<Operation> meeting) {
    return String.join(",", meeting.stream().map(Operation::text).toList());
  }

  private String summary(String id, Tally t) {
    boolean clean = t.findings.isEmpty();
    String line =
        "%s: meetings=%d schedules=%d findings=%d %s (bound %d) seconds=%d"
            .formatted(
                id,
                t.meetings,
                t.schedules,
                t.findings.size(),
                schedule != null
                    ? "one schedule"
                    : t.left > 0
                        ? "stopped by its budget, left=" + t.left
                        : clean ? "exhaustive" : "stopped at what it found",
                reach.bound(),
                TimeUnit.MILLISECONDS.toSeconds(t.millis));
    return clean ? console.green(line) : console.red(line);
  }

  private Map<String, Object> finding(String id, List<Operation> meeting, Finding f) {
    var e = new LinkedHashMap<String, Object>();
    e.put("meeting", meeting.stream().map(Operation::text).toList());
    e.put("what", f.what());
    e.put("schedule", f.schedule().toString());
    e.put("lanes", f.lanes());
    e.put("reproduce", reproduce(id, meeting, f));
    return e;
  }

  private static Map<String, Object> document(String id, Tally t) {
    var e = new LinkedHashMap<String, Object>();
    e.put("technology", id);
    e.put("meetings", t.meetings);
    e.put("left", t.left);
    e.put("schedules", t.schedules);
    e.put("millis", t.millis);
    e.put("findings", t.findings);
    return e;
  }
}
