package dev.cocovisor.explore;

import dev.cocovisor.api.sched.Actor;
import dev.cocovisor.api.sched.Mode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The order in which the parts of one execution take locks. Where one takes a second lock while it
 * holds a first, and others hold the second and wait, each for the next one's, until one takes the
 * first, there is an order of steps in which nobody goes on, though it was not the one made.
 *
 * <p>What has changed its kind in between, as a granule does, is another lock for this: nobody can
 * hold it as both. A cycle counts where each lock is held by one in a way that the other's taking
 * excludes, and where no lock held besides keeps two of them apart (Havelund: Using Runtime
 * Analysis to Guide Model Checking of Java Programs, SPIN 2000; the kernel's lockdep reports the
 * same, by class). Waiting for the readers of SRCU counts as taking it exclusively.
 */
final class LockOrder {
  /** A part takes a lock while it holds another. */
  private record Edge(
      int part,
      Actor.Held held,
      Object rank,
      Object taken,
      Object takenRank,
      Mode mode,
      List<Actor.Held> holds) {
    boolean leadsTo(Edge next) {
      return part != next.part
          && taken == next.held.what()
          && takenRank.equals(next.rank)
          && excludes(mode, next.held.mode())
          && !keptApart(next);
    }

    private boolean keptApart(Edge other) {
      for (Actor.Held mine : holds) {
        for (Actor.Held its : other.holds) {
          if (mine != held
              && its != other.held
              && mine.what() == its.what()
              && excludes(mine.mode(), its.mode())) {
            return true;
          }
        }
      }
      return false;
    }
  }

  private final List<Edge> edges = new ArrayList<>();

  private static boolean excludes(Mode a, Mode b) {
    return a == Mode.WRITE || b == Mode.WRITE;
  }

  /** Notes that a part is about to take a lock. */
  void takes(int part, List<Actor.Held> holds, Object lock, Mode mode) {
    Object rank = lock instanceof Actor.Releasable r ? r.rank() : lock;
    for (Actor.Held held : holds) {
      Object heldRank = held.what().rank();
      if (!isKnown(part, held, heldRank, lock, rank, mode, holds)) {
        edges.add(new Edge(part, held, heldRank, lock, rank, mode, holds));
      }
    }
  }

  /** Asked at each lock that is taken: compares without making anything. */
  private boolean isKnown(
      int part,
      Actor.Held held,
      Object heldRank,
      Object lock,
      Object rank,
      Mode mode,
      List<Actor.Held> holds) {
    for (Edge e : edges) {
      if (e.taken == lock
          && e.part == part
          && e.mode == mode
          && e.held.equals(held)
          && e.rank.equals(heldRank)
          && e.takenRank.equals(rank)
          && e.holds.equals(holds)) {
        return true;
      }
    }
    return false;
  }

  /** Returns the names of a cycle's parts and locks, or null if there is none. */
  @Nullable String cycle(List<Trial.Part> parts) {
    var way = new ArrayList<Edge>();
    for (Edge first : edges) {
      way.add(first);
      if (closes(way)) {
        // The same cycle reads the same whoever was first.
        while (way.stream().anyMatch(e -> e.part < way.getFirst().part)) {
          Collections.rotate(way, 1);
        }
        return text(way, parts);
      }
      way.clear();
    }
    return null;
  }

  private boolean closes(List<Edge> way) {
    Edge last = way.getLast();
    if (way.size() > 1 && last.leadsTo(way.getFirst())) {
      return true;
    }
    for (Edge next : edges) {
      if (last.leadsTo(next) && apart(way, next)) {
        way.add(next);
        if (closes(way)) {
          return true;
        }
        way.removeLast();
      }
    }
    return false;
  }

  private static boolean apart(List<Edge> way, Edge next) {
    for (Edge e : way) {
      if (e.part == next.part || e.keptApart(next)) {
        return false;
      }
    }
    return true;
  }

  private static String text(List<Edge> way, List<Trial.Part> parts) {
    StringBuilder s = new StringBuilder("lock order: ");
    for (Edge e : way) {
      s.append(s.length() > 12 ? "; " : "")
          .append(parts.get(e.part).name())
          .append(" holds ")
          .append(e.held.what())
          .append(" and takes ")
          .append(e.taken)
          .append(e.mode == Mode.READ ? " (shared)" : "");
    }
    return s.toString();
  }
}
