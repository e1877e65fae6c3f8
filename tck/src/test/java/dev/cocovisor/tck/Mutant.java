package dev.cocovisor.tck;

import dev.cocovisor.tck.subject.Subject;
import java.util.List;

/** A backend with one thing wrong. */
public interface Mutant {
  /** Returns the mutant's name: what it does wrong. */
  String name();

  /** Returns the ids of the rules that have to fail, at least one. */
  List<String> rules();

  /** Returns the wrong backend. */
  Subject subject();

  /** Returns the backend that is right where this one is wrong. */
  Subject honest();
}
