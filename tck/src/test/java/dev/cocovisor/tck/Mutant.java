package dev.cocovisor.tck;

import dev.cocovisor.tck.subject.JudgedBackend;
import java.util.List;

/** A backend with one thing wrong. */
public interface Mutant {
  /** Returns the mutant's name: what it does wrong. */
  String name();

  /** Returns the ids of the rules that have to fail, at least one. */
  List<String> rules();

  /** Returns the wrong backend. */
  JudgedBackend subject();

  /** Returns the backend that is right where this one is wrong. */
  JudgedBackend honest();
}
