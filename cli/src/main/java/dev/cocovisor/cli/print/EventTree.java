package dev.cocovisor.cli.print;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.script.scenario.ScenarioStep.Happened;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;

/**
 * The events of a step as a tree: a hook holds what it caused.
 *
 * <p>A step over a huge page makes hundreds of calls that differ in an address only. Neighbours
 * that look alike, with all below them, are printed twice and then counted.
 */
public final class EventTree {
  private static final int SHOWN = 2;

  private final List<Node> roots;

  private record Node(TraceEvent event, List<Node> below) {
    String shape() {
      var out = new StringBuilder(event.name()).append(event.result());
      below.forEach(n -> out.append('(').append(n.shape()).append(')'));
      return out.toString();
    }
  }

  private EventTree(List<Node> roots) {
    this.roots = roots;
  }

  /** Builds the tree of the events that are wanted; what is below an unwanted one moves up. */
  public static EventTree of(List<Happened> happened, Predicate<TraceEvent.Kind> wanted) {
    var roots = new ArrayList<Node>();
    var path = new ArrayList<Node>();
    var depths = new ArrayList<Integer>();
    for (Happened h : happened) {
      while (!depths.isEmpty() && depths.getLast() >= h.depth()) {
        depths.removeLast();
        path.removeLast();
      }
      var node = new Node(h.event(), new ArrayList<>());
      (path.isEmpty() ? roots : path.getLast().below()).add(node);
      path.add(node);
      depths.add(h.depth());
    }
    return new EventTree(wanted(roots, wanted));
  }

  private static List<Node> wanted(List<Node> nodes, Predicate<TraceEvent.Kind> wanted) {
    var out = new ArrayList<Node>();
    for (Node n : nodes) {
      List<Node> below = wanted(n.below(), wanted);
      if (wanted.test(n.event().kind())) {
        out.add(new Node(n.event(), below));
      } else {
        out.addAll(below);
      }
    }
    return out;
  }

  /** Returns one line an event, indented by what holds it. */
  public List<String> lines(boolean full) {
    var out = new ArrayList<String>();
    lines(roots, "", full, out);
    return out;
  }

  private static void lines(List<Node> nodes, String indent, boolean full, List<String> out) {
    for (int i = 0; i < nodes.size(); ) {
      int end = i + 1;
      while (end < nodes.size() && nodes.get(end).shape().equals(nodes.get(i).shape())) {
        end++;
      }
      int shown = full || end - i <= SHOWN + 1 ? end - i : SHOWN;
      for (Node n : nodes.subList(i, i + shown)) {
        out.add(indent + line(n.event()));
        lines(n.below(), indent + "  ", full, out);
      }
      if (shown < end - i) {
        out.add(indent + "... and " + (end - i - shown) + " more " + nodes.get(i).event().name());
      }
      i = end;
    }
  }

  /**
   * Renders an event as {@code kind name(arguments) = result}; why something was refused as {@code
   * refused NAME: reason}.
   */
  public static String line(TraceEvent e) {
    if (e.kind() == TraceEvent.Kind.REFUSAL) {
      return "%-9s %s: %s".formatted("refused", e.name(), e.result());
    }
    return "%-9s %s(%s)%s"
        .formatted(
            e.kind().name().toLowerCase(Locale.ROOT),
            e.name(),
            e.arguments(),
            e.result().isEmpty() ? "" : " = " + e.result());
  }
}
