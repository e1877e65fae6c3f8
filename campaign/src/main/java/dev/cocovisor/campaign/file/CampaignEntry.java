package dev.cocovisor.campaign.file;

import dev.cocovisor.explore.Search;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One entry of a campaign file: what to do, on which technologies, under which settings. */
public sealed interface CampaignEntry {
  /** Returns the ids of the technologies; empty for those that what is done names itself. */
  List<String> technologies();

  /** Returns the settings of hosts, each of which is tried; at least one. */
  List<Map<String, String>> settings();

  /**
   * Schedules to search.
   *
   * @param library {@code pairs} or {@code triples} of the library of races; null for scenarios
   * @param scenarios names of the files
   * @param searches how; several where each seed is one
   * @param most the most schedules of a search
   * @param slice how many of them a member makes before what is left is handed on
   * @param bug the id of a bug of history that is in the hosts; null for none
   */
  record Explore(
      List<String> technologies,
      List<Map<String, String>> settings,
      @Nullable String library,
      List<String> scenarios,
      List<Search> searches,
      long most,
      long slice,
      @Nullable String bug)
      implements CampaignEntry {}

  /**
   * Random programs, the invariants looked at after each call.
   *
   * @param first the first seed
   * @param last the last seed
   * @param batch how many programs a member makes at once
   * @param length about how many calls a program has
   * @param rounds how often programs that reached something new are varied; 0 for never
   * @param bug the id of a bug of history that is in the hosts; null for none
   */
  record Programs(
      List<String> technologies,
      List<Map<String, String>> settings,
      long first,
      long last,
      long batch,
      int length,
      int rounds,
      @Nullable String bug)
      implements CampaignEntry {}

  /**
   * The conformance kit.
   *
   * @param rules their ids; empty for all
   */
  record Kit(List<String> technologies, List<Map<String, String>> settings, List<String> rules)
      implements CampaignEntry {}

  /**
   * Logs to replay.
   *
   * @param logs names of the files
   */
  record Replay(List<Map<String, String>> settings, List<String> logs) implements CampaignEntry {
    @Override
    public List<String> technologies() {
      return List.of();
    }
  }
}
