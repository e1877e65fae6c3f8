package dev.cocovisor.tck;

import dev.cocovisor.api.Nearest;
import dev.cocovisor.tck.rules.Rule;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/** The rules of the kit by their ids. */
public final class RuleList {
  private static final SortedMap<String, Method> ALL = find();

  private RuleList() {}

  private static SortedMap<String, Method> find() {
    SortedMap<String, Method> all = new TreeMap<>();
    for (Method m : BackendTck.class.getMethods()) {
      Rule rule = m.getAnnotation(Rule.class);
      if (rule != null) {
        Method other = all.put(rule.id(), m);
        if (other != null) {
          throw new IllegalStateException("two rules are " + rule.id() + ": " + other + ", " + m);
        }
      }
    }
    return Collections.unmodifiableSortedMap(all);
  }

  /** Returns all rules' methods by id, in order. */
  public static SortedMap<String, Method> all() {
    return ALL;
  }

  /**
   * Returns the ids that are meant: whole ids, or letters of groups.
   *
   * @param wanted empty for all
   * @throws IllegalArgumentException if one is no id; the text says which was meant
   */
  public static List<String> ids(Collection<String> wanted) {
    if (wanted.isEmpty()) {
      return List.copyOf(ALL.keySet());
    }
    List<String> ids = new ArrayList<>();
    for (String w : wanted) {
      int before = ids.size();
      for (String id : ALL.keySet()) {
        if (id.equals(w) || (w.length() == 1 && id.startsWith(w))) {
          ids.add(id);
        }
      }
      if (ids.size() == before) {
        throw new IllegalArgumentException(Nearest.refusal("rule", w, ALL.keySet()));
      }
    }
    return ids;
  }

  /** Returns a rule's name: its method's without the prefix. */
  public static String name(Method rule) {
    return rule.getName().replaceFirst("^required_[A-Z][0-9]+_", "");
  }
}
