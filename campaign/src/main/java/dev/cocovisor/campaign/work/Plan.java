package dev.cocovisor.campaign.work;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.bugs.Bugs;
import dev.cocovisor.campaign.file.CampaignEntry;
import dev.cocovisor.campaign.file.CampaignException;
import dev.cocovisor.campaign.file.CampaignFile;
import dev.cocovisor.explore.Search;
import dev.cocovisor.explore.library.Library;
import dev.cocovisor.explore.library.Operation;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.tck.RuleList;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The tasks of a campaign, in an order that is the same wherever they are listed, and what making
 * them needs.
 */
public final class Plan {
  private final CampaignFile file;
  private final Technologies technologies;
  private final List<Task> tasks = new ArrayList<>();
  private final Map<String, Scenario> scenarios = new LinkedHashMap<>();

  /**
   * Lists the tasks.
   *
   * @param technologies those there are, the campaign's plugins among them
   * @throws CampaignException if a technology, setting, rule, bug or scenario is not one
   */
  public Plan(CampaignFile file, Technologies technologies) {
    this.file = file;
    this.technologies = technologies;
    try {
      file.blocks().forEach(this::add);
    } catch (IllegalArgumentException e) {
      throw new CampaignException("campaign " + file.name() + ": " + e.getMessage(), e);
    }
  }

  private void add(CampaignEntry block) {
    for (Map<String, String> settings : block.settings()) {
      Map<String, String> checked = checked(settings);
      switch (block) {
        case CampaignEntry.Explore e -> explore(e, checked);
        case CampaignEntry.Programs p -> {
          if (p.bug() != null) {
            var _ = Bugs.of(p.bug());
          }
          for (String id : p.technologies()) {
            var _ = technologies.require(id);
            tasks.add(
                new Task.Programs(
                    id, checked, p.first(), p.last(), p.batch(), p.length(), p.rounds(), p.bug()));
          }
        }
        case CampaignEntry.Kit k -> {
          for (String id : k.technologies()) {
            if (technologies.require(id).backend() == null) {
              throw new IllegalArgumentException("kit: " + id + " is the core's own; no backend");
            }
            tasks.add(new Task.Kit(id, checked, RuleList.ids(k.rules())));
          }
        }
        case CampaignEntry.Replay r ->
            r.logs().forEach(log -> tasks.add(new Task.Replay(checked, log)));
      }
    }
  }

  private void explore(CampaignEntry.Explore e, Map<String, String> settings) {
    if (e.bug() != null) {
      var _ = Bugs.of(e.bug());
    }
    for (String name : e.scenarios()) {
      Scenario s = scenario(name);
      List<String> named = s.backends().isEmpty() ? List.of("sw-protected") : s.backends();
      for (String id : e.technologies().isEmpty() ? named : e.technologies()) {
        var _ = technologies.require(id);
        for (Search search : e.searches()) {
          tasks.add(
              new Task.Explore(
                  id, settings, name, List.of(), search, e.most(), e.slice(), e.bug()));
        }
      }
    }
    String library = e.library();
    if (library != null) {
      for (String id : e.technologies()) {
        var of = new Library(technologies.require(id));
        for (List<Operation> each : library.equals("pairs") ? of.pairs() : of.triples()) {
          for (Search search : e.searches()) {
            tasks.add(
                new Task.Explore(id, settings, null, each, search, e.most(), e.slice(), null));
          }
        }
      }
    }
  }

  private Map<String, String> checked(Map<String, String> settings) {
    var all = new LinkedHashMap<String, String>();
    settings.forEach((name, value) -> all.put(name, technologies.setting(name).checked(value)));
    return Map.copyOf(all);
  }

  private Scenario scenario(String name) {
    return scenarios.computeIfAbsent(
        name,
        n -> {
          try {
            return Scenario.read(source(n), StepWords.of(technologies));
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  /** Returns a file of the campaign that a task names. */
  LogSource source(String name) {
    byte[] bytes = file.files().get(name);
    if (bytes == null) {
      throw new CampaignException(
          "campaign " + file.name() + ": " + name + " did not come with it");
    }
    return LogSource.bytes(name, bytes);
  }

  /** Returns the scenario of a task. */
  Scenario scenarioOf(Task.Explore task) {
    return scenario(String.valueOf(task.scenario()));
  }

  /** Returns the campaign. */
  public CampaignFile file() {
    return file;
  }

  /** Returns the technologies there are. */
  Technologies technologies() {
    return technologies;
  }

  /** Returns the technologies there are, with a bug of history in their hosts. */
  Technologies technologies(@Nullable String bug) {
    return bug == null ? technologies : Bugs.of(bug).putInto(technologies);
  }

  /** Returns the tasks, in order. */
  public List<Task> tasks() {
    return tasks;
  }
}
