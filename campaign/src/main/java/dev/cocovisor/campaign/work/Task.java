package dev.cocovisor.campaign.work;

import dev.cocovisor.explore.Search;
import dev.cocovisor.explore.library.Operation;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** One thing that a campaign does, on one technology under one set of settings. */
public sealed interface Task {
  /** Returns the technology's id; empty for logs, which say it themselves. */
  String technology();

  /** Returns the settings of its hosts. */
  Map<String, String> settings();

  /** Returns what it does, without where. */
  String title();

  /** Returns what it does and where, as findings and reports name it. */
  default String name() {
    String on = technology().isEmpty() ? "" : " on " + technology();
    String with =
        new TreeMap<>(settings())
            .entrySet().stream()
                .map(e -> " " + e.getKey() + "=" + e.getValue())
                .collect(Collectors.joining());
    return title() + on + with;
  }

  /**
   * A search through the schedules of one scenario, or of operations that meet.
   *
   * @param scenario the scenario's file; null for operations
   * @param operations those that meet; none for a scenario
   * @param most the most schedules
   * @param slice how many of them an item makes
   * @param bug the id of a bug of history that is in its hosts; null for none
   */
  record Explore(
      String technology,
      Map<String, String> settings,
      @Nullable String scenario,
      List<Operation> operations,
      Search search,
      long most,
      long slice,
      @Nullable String bug)
      implements Task {
    @Override
    public String title() {
      return (scenario != null ? scenario : meeting()) + (bug == null ? "" : " with " + bug);
    }

    /**
     * Tells whether answers that no order of whole calls gives are findings: not where operations
     * of several calls meet, which user space may do in any order.
     */
    boolean answersMatter() {
      return scenario != null;
    }

    /** Returns the operations as a finding's file names them. */
    public String meeting() {
      return operations.stream().map(Operation::text).collect(Collectors.joining(" with "));
    }
  }

  /**
   * Random programs.
   *
   * @param first the first seed
   * @param last the last seed
   * @param batch how many programs an item has
   * @param length about how many calls a program has
   * @param rounds how often those that reached something new are varied
   * @param bug the id of a bug of history that is in its hosts; null for none
   */
  record Programs(
      String technology,
      Map<String, String> settings,
      long first,
      long last,
      long batch,
      int length,
      int rounds,
      @Nullable String bug)
      implements Task {
    @Override
    public String title() {
      return "random programs" + (bug == null ? "" : " with " + bug);
    }
  }

  /**
   * Rules of the kit.
   *
   * @param rules their ids
   */
  record Kit(String technology, Map<String, String> settings, List<String> rules) implements Task {
    @Override
    public String title() {
      return "kit";
    }
  }

  /**
   * A log.
   *
   * @param log the file's name
   */
  record Replay(Map<String, String> settings, String log) implements Task {
    @Override
    public String technology() {
      return "";
    }

    @Override
    public String title() {
      return "replay of " + log;
    }
  }
}
