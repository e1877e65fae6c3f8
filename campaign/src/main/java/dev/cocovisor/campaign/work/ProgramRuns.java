package dev.cocovisor.campaign.work;

import dev.cocovisor.api.Backend;
import dev.cocovisor.bugs.Bugs;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.explore.Finding;
import dev.cocovisor.script.generate.ProgramGenerator;
import dev.cocovisor.script.generate.ProgramSeed;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.vmm.Technologies;
import dev.cocovisor.vmm.Technology;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Runs random programs: after each call the invariants are looked at; where a bug of history is in
 * the hosts, its answers are also held against those of hosts without it.
 */
final class ProgramRuns {
  private final Task.Programs task;
  private final Engine.Tally tally;
  private final Technologies hosts;
  private final @Nullable Technologies clean;
  private final HostConfig config;
  private final List<Backend> backends;
  private final Set<String> known = new LinkedHashSet<>();

  ProgramRuns(Plan plan, Task.Programs task, Engine.Tally tally) {
    this.task = task;
    this.tally = tally;
    String id = task.bug();
    Bug bug = id == null ? null : Bugs.of(id);
    this.hosts = bug == null ? plan.technologies() : bug.putInto(plan.technologies());
    this.clean = bug == null ? null : bug.leaveOut(plan.technologies());
    Technology t = hosts.require(task.technology());
    Backend b = t.backend();
    this.backends = b == null ? List.of() : List.of(b);
    HostConfig host = HostConfig.DEFAULT.withArchitecture(t.architecture());
    for (Map.Entry<String, String> s : task.settings().entrySet()) {
      host = host.withSetting(s.getKey(), s.getValue());
    }
    this.config = host;
  }

  /** Runs the programs of an item: its round, and seeds with blanks between them. */
  void make(String what) {
    for (String seed : what.substring(what.indexOf(' ') + 1).split(" ", -1)) {
      make(ProgramSeed.parse(seed));
    }
  }

  private void make(ProgramSeed seed) {
    List<String> lines = new ArrayList<>();
    List<String> reached = new ArrayList<>();
    String[] broken = new String[1];
    String[] before = {"start"};
    int choices =
        ProgramGenerator.generate(
            seed,
            config,
            backends,
            hosts::boot,
            task.length(),
            call -> {
              if (broken[0] == null) {
                lines.add(LogWriter.line(call));
                String step = step(call);
                var result = call.result();
                if (result != null && result.isError()) {
                  tally.ruled.add(step);
                }
                if (known.add(before[0] + " > " + step)) {
                  reached.add(before[0] + " > " + step);
                }
                before[0] = step;
              }
            },
            process -> {
              if (broken[0] == null) {
                process.kvm().checkAlways(w -> broken[0] = broken[0] == null ? w : broken[0]);
                process.kvm().checkInvariants(w -> broken[0] = broken[0] == null ? w : broken[0]);
              }
            });
    tally.programs++;
    tally.calls += lines.size();
    if (!reached.isEmpty()) {
      tally.reached.add(new KeptProgram(seed.toString(), choices, reached));
    }
    String wrong = broken[0] != null ? broken[0] : differs(seed, lines);
    if (wrong != null) {
      tally.found.add(found(seed, wrong, lines));
    }
  }

  /** Where a bug is in the hosts: tells which answer hosts without it do not give. */
  private @Nullable String differs(ProgramSeed seed, List<String> lines) {
    Technologies without = clean;
    if (without == null) {
      return null;
    }
    List<String> right = new ArrayList<>();
    Backend b = without.require(task.technology()).backend();
    var _ =
        ProgramGenerator.generate(
            seed,
            config,
            b == null ? List.of() : List.of(b),
            without::boot,
            task.length(),
            call -> right.add(LogWriter.line(call)),
            _ -> {});
    for (int i = 0; i < lines.size(); i++) {
      if (i >= right.size() || !lines.get(i).equals(right.get(i))) {
        return "another answer than without the bug: " + lines.get(i);
      }
    }
    return null;
  }

  private Breakage found(ProgramSeed seed, String wrong, List<String> lines) {
    String text =
        "# "
            + wrong
            + "\n# random program "
            + seed
            + ", about "
            + task.length()
            + " calls; the last one breaks it\n"
            + String.join("\n", lines)
            + "\n";
    return new Breakage(Finding.kindOf(wrong), task.name(), wrong, "kvmlog", text);
  }

  /** A call and how it was answered, without numbers: an edge's end. */
  private static String step(LogCall call) {
    String name = call.name();
    if (name.equals("ioctl") && call.args().size() > 1) {
      name = LogWriter.value(call.args().get(1));
    }
    var result = call.result();
    if (result == null) {
      return name;
    }
    var exit = result.exit();
    String how = result.isError() ? result.error() : exit != null ? exit.reason() : "done";
    return name + " " + how;
  }
}
