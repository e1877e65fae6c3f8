package dev.cocovisor.explore.library;

import dev.cocovisor.explore.Subject;
import dev.cocovisor.explore.Trial;
import dev.cocovisor.vmm.Technology;
import java.util.ArrayList;
import java.util.List;

/** The meetings of one technology. */
public final class Library {
  private final Technology technology;

  /** Opens the library of a technology. */
  public Library(Technology technology) {
    this.technology = technology;
  }

  /**
   * Returns operations by their names, with {@code with} between them.
   *
   * @throws IllegalArgumentException if one is none
   */
  public static List<Operation> operations(String names) {
    return List.of(names.split(" with ", -1)).stream().map(Operation::named).toList();
  }

  /** Returns the operations it has: without guest_memfd some have no meaning. */
  public List<Operation> operations() {
    boolean memfd = technology.driver().guestMemfd();
    return List.of(Operation.values()).stream()
        .filter(o -> memfd || !o.is(Operation.Trait.MEMFD))
        .toList();
  }

  /** Returns every pair, an operation with itself included. */
  public List<List<Operation>> pairs() {
    var all = new ArrayList<List<Operation>>();
    List<Operation> ops = operations();
    for (int i = 0; i < ops.size(); i++) {
      for (int k = i; k < ops.size(); k++) {
        all.add(List.of(ops.get(i), ops.get(k)));
      }
    }
    return all;
  }

  /** Returns every three different operations that touch the one private page. */
  public List<List<Operation>> triples() {
    List<Operation> ops =
        operations().stream()
            .filter(o ->
                (o.is(Operation.Trait.PRIVATE) || o.is(Operation.Trait.EITHER))
                    && !o.is(Operation.Trait.LAUNCH))
            .toList();
    var all = new ArrayList<List<Operation>>();
    for (int i = 0; i < ops.size(); i++) {
      for (int k = i + 1; k < ops.size(); k++) {
        for (int l = k + 1; l < ops.size(); l++) {
          all.add(List.of(ops.get(i), ops.get(k), ops.get(l)));
        }
      }
    }
    return all;
  }

  /** Returns operations done at the same time, to explore. */
  public Subject subject(List<Operation> operations) {
    String name =
        technology.id()
            + ": "
            + String.join(" with ", operations.stream().map(Operation::text).toList());
    return new Subject() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public Trial newTrial() {
        return new Meeting(technology, operations);
      }
    };
  }
}
