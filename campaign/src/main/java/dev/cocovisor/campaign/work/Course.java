package dev.cocovisor.campaign.work;

import dev.cocovisor.explore.Portion;
import dev.cocovisor.explore.Portions;
import dev.cocovisor.script.generate.ProgramSeed;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The course of a campaign: which items are to be made now, by the results of those before.
 *
 * <p>Items come in rounds; those of one round can be made in any order. A search begins with all of
 * itself; what slices leave over comes in the next round, and when nothing is left it begins again
 * with the places that were learnt to be shared, until it learns no more. Random programs begin
 * with their seeds; then those that went somewhere new are varied. Results are looked at in the
 * order of their items, so that the course does not depend on who was first.
 */
public final class Course {
  private static final class SearchState {
    private String shared = "";
    private int again;
    private long schedules;
    private boolean over;
    private boolean stopped;
    private boolean judged = true;
    private boolean whole;
    private List<String> learnt = new ArrayList<>();
    private final List<String> rest = new ArrayList<>();
  }

  private static final class ProgramsState {
    private final TreeSet<String> reached = new TreeSet<>();
    private final List<KeptProgram> corpus = new ArrayList<>();
    private int round;
  }

  private final Plan plan;
  private final Map<Integer, SearchState> searches = new LinkedHashMap<>();
  private final Map<Integer, ProgramsState> programs = new LinkedHashMap<>();

  /** Begins. */
  public Course(Plan plan) {
    this.plan = plan;
  }

  /** Returns the items of the first round. */
  public List<Item> first() {
    List<Item> items = new ArrayList<>();
    for (int i = 0; i < plan.tasks().size(); i++) {
      int task = i;
      switch (plan.tasks().get(i)) {
        case Task.Explore _ -> {
          searches.put(i, new SearchState());
          items.add(new Item(i, "0 "));
        }
        case Task.Programs p -> {
          programs.put(i, new ProgramsState());
          for (long seed = p.first(); seed <= p.last(); seed += p.batch()) {
            long last = Math.min(p.last(), seed + p.batch() - 1);
            items.add(new Item(i, "0 " + seeds(seed, last)));
          }
        }
        case Task.Kit k -> k.rules().forEach(rule -> items.add(new Item(task, rule)));
        case Task.Replay r -> items.add(new Item(i, r.log()));
      }
    }
    return items;
  }

  private static String seeds(long first, long last) {
    var all = new ArrayList<String>();
    for (long s = first; s <= last; s++) {
      all.add(Long.toString(s));
    }
    return String.join(" ", all);
  }

  /**
   * Takes the result of an item of the round under way; those of all items, in their order, are to
   * be taken before {@link #next}.
   */
  public void take(Result r) {
    int task = Item.parse(r.item()).task();
    SearchState s = searches.get(task);
    ProgramsState p = programs.get(task);
    if (s != null) {
      s.schedules += r.schedules();
      s.over |= !r.found().isEmpty();
      s.rest.addAll(r.rest());
      if (!r.learnt().isEmpty()) {
        s.learnt.add(r.learnt());
      }
      s.judged &= r.judged();
    } else if (p != null) {
      for (KeptProgram each : r.reached()) {
        if (p.reached.addAll(each.reached())) {
          p.corpus.add(each);
        }
      }
    }
  }

  /** Returns the items of the next round; none if all is done. */
  public List<Item> next() {
    List<Item> items = new ArrayList<>();
    searches.forEach((task, s) -> items.addAll(next(task, s)));
    programs.forEach((task, p) -> items.addAll(next(task, p)));
    return items;
  }

  private List<Item> next(int task, SearchState s) {
    if (s.over || !(plan.tasks().get(task) instanceof Task.Explore t)) {
      return List.of();
    }
    if (s.rest.isEmpty()) {
      Portion again = Portions.again(s.shared, s.learnt);
      if (again == null || !Portions.isPortioned(t.search())) {
        s.over = true;
        s.whole = s.judged;
        return List.of();
      }
      s.shared = again.shared();
      s.again++;
      s.learnt = new ArrayList<>();
      s.rest.add(again.way());
    }
    if (s.schedules >= t.most()) {
      s.over = true;
      s.stopped = true;
      return List.of();
    }
    List<Item> items = s.rest.stream().map(way -> new Item(task, s.again + " " + way)).toList();
    s.rest.clear();
    return items;
  }

  private List<Item> next(int task, ProgramsState p) {
    if (!(plan.tasks().get(task) instanceof Task.Programs t)
        || p.round >= t.rounds()
        || p.corpus.isEmpty()) {
      return List.of();
    }
    p.round++;
    // As many programs a round as there were seeds; each varies one of the corpus, in turn.
    var random = new SplittableRandom(31L * task + p.round);
    long count = t.last() - t.first() + 1;
    List<Item> items = new ArrayList<>();
    List<String> batch = new ArrayList<>();
    for (long i = 0; i < count; i++) {
      KeptProgram of = p.corpus.get(random.nextInt(p.corpus.size()));
      batch.add(ProgramSeed.parse(of.seed()).varied(Math.max(1, of.choices()), random).toString());
      if (batch.size() == t.batch() || i + 1 == count) {
        items.add(new Item(task, p.round + " " + String.join(" ", batch)));
        batch.clear();
      }
    }
    return items;
  }

  /**
   * Returns the places that a search knows to be shared, by the item's number of its beginnings.
   */
  public Map<String, String> shared() {
    return searches.entrySet().stream()
        .filter(e -> !e.getValue().over)
        .collect(
            Collectors.toMap(
                e -> sharedKey(e.getKey(), e.getValue().again), e -> e.getValue().shared));
  }

  /** Returns under which key {@link #shared} has what an item needs. */
  static String sharedKey(int task, int again) {
    return task + "/" + again;
  }

  /** Returns how many searches there are, and how many of them saw all they cover. */
  public String exhausted() {
    long whole = searches.values().stream().filter(s -> s.whole).count();
    return whole + " of " + searches.size();
  }

  /** Tells whether a search was stopped by the most schedules it may make. */
  public boolean stopped() {
    return searches.values().stream().anyMatch(s -> s.stopped);
  }

  /** Returns the programs that were kept for a task. */
  public @Nullable List<KeptProgram> corpus(int task) {
    ProgramsState p = programs.get(task);
    return p == null ? null : List.copyOf(p.corpus);
  }

  /** Returns how many different steps random programs have made. */
  public long reached() {
    return programs.values().stream().mapToLong(p -> p.reached.size()).sum();
  }
}
