package dev.cocovisor.tdx.logs;

import java.util.List;
import java.util.function.Consumer;

/**
 * One check of a command.
 *
 * @param what what is broken, in words
 * @param about what the breaking changes, in a word or several; two rules about the same cannot be
 *     broken together
 * @param answer what the command answers, as a log writes it behind the equals sign
 * @param breaks breaks it
 */
record Rule(String what, String about, String answer, Consumer<Program> breaks) {
  /** Tells whether breaking this one and the other changes the same thing. */
  boolean touches(Rule other) {
    List<String> mine = List.of(about.split(" "));
    return List.of(other.about.split(" ")).stream().anyMatch(mine::contains);
  }
}
