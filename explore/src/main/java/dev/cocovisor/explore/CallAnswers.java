package dev.cocovisor.explore;

import java.util.List;

/** What the calls of an execution answered. */
final class CallAnswers {
  private final List<Trial.Part> parts;
  private final String[][] answers;

  /** No call has ended. */
  CallAnswers(List<Trial.Part> parts) {
    this.parts = parts;
    answers = new String[parts.size()][];
    for (int p = 0; p < answers.length; p++) {
      answers[p] = new String[parts.get(p).calls().size()];
    }
  }

  /** A call ends. */
  void set(int part, int call, String answer) {
    answers[part][call] = answer;
  }

  /** Returns what a call answered; empty where it has not ended. */
  String of(int part, int call) {
    String answer = answers[part][call];
    return answer == null ? "" : answer;
  }

  /** Tells whether a call answered what it may answer though no order of whole calls has it so. */
  boolean excused() {
    for (int p = 0; p < answers.length; p++) {
      List<Trial.Call> calls = parts.get(p).calls();
      for (int c = 0; c < answers[p].length; c++) {
        if (answers[p][c] != null && calls.get(c).allowed().contains(answers[p][c])) {
          return true;
        }
      }
    }
    return false;
  }

  /** Writes all of them, a call a line. */
  String written() {
    StringBuilder s = new StringBuilder();
    for (int p = 0; p < answers.length; p++) {
      for (int c = 0; c < answers[p].length; c++) {
        s.append(parts.get(p).name())
            .append(": ")
            .append(parts.get(p).calls().get(c).text())
            .append(" = ")
            .append(answers[p][c])
            .append('\n');
      }
    }
    return s.toString();
  }
}
