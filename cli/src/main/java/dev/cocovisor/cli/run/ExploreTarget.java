package dev.cocovisor.cli.run;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.bugs.Bugs;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.entry.TrialBug;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.explore.Finding;
import dev.cocovisor.explore.FindingFile;
import dev.cocovisor.explore.ScenarioSubject;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.explore.library.Library;
import dev.cocovisor.script.compare.Variant;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What is explored: a scenario on hosts of a technology under settings, with a bug of history in
 * them or without one.
 *
 * @param file the scenario's file, or its name where it is a bug's
 * @param scenario the scenario; null where the bug is of a trusted half that is driven alone
 * @param on the technology's id
 * @param settings of the hosts, checked
 * @param bug the bug; null for none
 * @param there whether the bug is in them; if not, they are such that it could be
 */
record ExploreTarget(
    Path file,
    @Nullable Scenario scenario,
    String on,
    Map<String, String> settings,
    @Nullable Bug bug,
    boolean there) {
  /** The word for a host without the bug of the finding. */
  static final String WITHOUT_BUG = "without-bug";

  private static final String WITH_BUG = "bug=";

  /** Returns what a scenario and the command line name. */
  static ExploreTarget of(Path file, Scenario scenario, @Nullable String backend, World world) {
    List<String> named = scenario.backends();
    String first = named.isEmpty() ? "sw-protected" : named.getFirst();
    String on = world.known(backend != null ? backend : first);
    return new ExploreTarget(file, scenario, on, world.settings(), null, false);
  }

  /** Returns a bug with its scenario. */
  static ExploreTarget of(String bugId, World world) throws IOException {
    Bug bug = bug(bugId);
    String on = world.known(bug.technology());
    return new ExploreTarget(
        Path.of(bug.scenarioName()), scenario(bug, world), on, world.settings(), bug, true);
  }

  /** Returns what a finding's file says; what the command line says comes before it. */
  static ExploreTarget of(
      Path file, Scenario scenario, Step.Finding finding, @Nullable String backend, World world) {
    String on = world.known(backend != null ? backend : finding.on());
    var settings = new LinkedHashMap<String, String>();
    if (!finding.settings().isEmpty()) {
      for (String word : finding.settings().split(" ", -1)) {
        set(settings, word, world, "finding");
      }
    }
    settings.putAll(world.settings());
    Bug bug = finding.bug().isEmpty() ? null : bug(finding.bug());
    Scenario acted = bug instanceof TrialBug ? null : scenario;
    return new ExploreTarget(file, acted, on, Map.copyOf(settings), bug, bug != null);
  }

  /**
   * Returns the same under something else.
   *
   * @param other {@link #WITHOUT_BUG}, {@code bug=ID}, {@code NAME=VALUE}, {@code ID} or {@code
   *     ID:NAME=VALUE:…}
   * @throws UsageException if it is none of them
   */
  ExploreTarget under(String other, World world) {
    if (other.equals(WITHOUT_BUG)) {
      if (bug == null) {
        throw new UsageException("--fix " + other + ": no bug of history was put in");
      }
      return new ExploreTarget(file, scenario, on, settings, bug, false);
    }
    if (other.startsWith(WITH_BUG)) {
      return new ExploreTarget(
          file, scenario, on, settings, bug(other.substring(WITH_BUG.length())), true);
    }
    if (bug instanceof TrialBug) {
      throw new UsageException(
          "--fix " + other + ": " + bug.id() + " drives a trusted half alone; " + WITHOUT_BUG);
    }
    var more = new LinkedHashMap<>(settings);
    String first = other.split(":", 2)[0];
    if (first.contains("=")) {
      for (String word : other.split(":", -1)) {
        set(more, word, world, "--fix");
      }
      return new ExploreTarget(file, scenario, on, Map.copyOf(more), bug, there);
    }
    Variant v;
    try {
      v = Variant.parse(other);
    } catch (IllegalArgumentException e) {
      throw new UsageException("--fix: " + e.getMessage());
    }
    String technology = world.known(first);
    v.settings().forEach((name, value) -> set(more, name + "=" + value, world, "--fix"));
    return new ExploreTarget(file, scenario, technology, Map.copyOf(more), bug, there);
  }

  private static void set(Map<String, String> settings, String word, World world, String where) {
    int at = word.indexOf('=');
    try {
      if (at < 1) {
        throw new IllegalArgumentException("'" + word + "' is no NAME=VALUE");
      }
      String name = word.substring(0, at);
      settings.put(name, world.technologies().setting(name).checked(word.substring(at + 1)));
    } catch (IllegalArgumentException e) {
      throw new UsageException(where + ": " + e.getMessage());
    }
  }

  private static Bug bug(String id) {
    try {
      return Bugs.of(id);
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  private static @Nullable Scenario scenario(Bug bug, World world) throws IOException {
    if (bug instanceof TrialBug || !bug.scenarioName().endsWith(".kvmlog")) {
      return null;
    }
    return Scenario.read(
        LogSource.text(bug.scenarioName(), bug.scenario()), StepWords.of(world.technologies()));
  }

  /** Returns whatever builds the trials. */
  Subject subject(World world) {
    Bug b = bug;
    if (b instanceof TrialBug t) {
      return t.subject(there);
    }
    Technologies all = world.technologies();
    Technologies with = b == null ? all : there ? b.putInto(all) : b.leaveOut(all);
    if (scenario == null) {
      throw new UsageException("no scenario to explore");
    }
    try {
      if (!meeting().isEmpty()) {
        return new Library(with.require(on)).subject(Library.operations(meeting()));
      }
      return new ScenarioSubject(scenario, with, on, settings);
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  /** Returns the operations that meet instead of a scenario's actors, by name; empty for none. */
  String meeting() {
    Step.Finding found = scenario == null ? null : scenario.finding();
    return found == null ? "" : found.meeting();
  }

  /** Returns a finding of it as a file's text, as {@link FindingFile#text} says. */
  String file(Finding found, long seed, boolean anyAnswers, String foundBy) {
    return new FindingFile(on, settings, bug == null ? "" : bug.id(), meeting(), scenario)
        .text(found, seed, anyAnswers, foundBy);
  }

  /** Returns where it is, in words: the technology, its settings and its bug. */
  String where() {
    var words = new StringBuilder(on);
    settings.forEach((name, value) -> words.append(' ').append(name).append('=').append(value));
    if (bug != null) {
      words.append(there ? " with " : " without ").append(bug.id());
    }
    return words.toString();
  }
}
