package dev.cocovisor.cca.rmilog;

import dev.cocovisor.api.log.LogSyntaxException;
import java.util.Arrays;

/**
 * One line of a log taken apart: {@code name(arguments) = result}. Numbers are hexadecimal and the
 * first argument may be a word.
 */
final class Line {
  private static final int MAX_ARGUMENTS = 600;

  private final String log;
  private int number;
  private String text = "";
  private int at;

  private String name = "";
  private String word = "";
  private final long[] arguments = new long[MAX_ARGUMENTS];
  private int count;
  private String result = "";

  Line(String log) {
    this.log = log;
  }

  /** Takes a line apart. */
  void parse(String line, int lineNumber) {
    text = line;
    number = lineNumber;
    at = 0;
    count = 0;
    word = "";
    int open = line.indexOf('(');
    int close = line.indexOf(") = ");
    if (open <= 0 || close < open) {
      throw error(0, "name(arguments) = result");
    }
    name = line.substring(0, open);
    at = open + 1;
    while (at < close) {
      if (line.startsWith("0x", at)) {
        if (count == MAX_ARGUMENTS) {
          throw error(at, "at most " + MAX_ARGUMENTS + " arguments");
        }
        arguments[count++] = number(close);
      } else if (count == 0 && word.isEmpty()) {
        int end = line.indexOf(',', at);
        end = end < 0 || end > close ? close : end;
        word = line.substring(at, end);
        at = end;
      } else {
        throw error(at, "a number such as 0x1f");
      }
      if (at < close) {
        expect(", ");
      }
    }
    result = line.substring(close + 4);
    at = close + 4;
  }

  private long number(int end) {
    int from = at + 2;
    int to = from;
    while (to < end && Character.digit(text.charAt(to), 16) >= 0) {
      to++;
    }
    if (to == from || to - from > 16) {
      throw error(at, "a number of 1 to 16 digits");
    }
    at = to;
    return Long.parseUnsignedLong(text, from, to, 16);
  }

  private void expect(String token) {
    if (!text.startsWith(token, at)) {
      throw error(at, "'" + token + "'");
    }
    at += token.length();
  }

  LogSyntaxException error(int column, String expected) {
    String rest = text.substring(Math.min(column, text.length()));
    String found =
        rest.isEmpty() ? "end of line" : rest.length() > 40 ? rest.substring(0, 40) : rest;
    return new LogSyntaxException(log, number, column + 1, "'" + found + "'", expected);
  }

  /** Returns the call as written, without its result. */
  String call() {
    return text.substring(0, text.length() - result.length() - 3);
  }

  int number() {
    return number;
  }

  String name() {
    return name;
  }

  /** Returns the leading word of the arguments, empty if there is none. */
  String word() {
    return word;
  }

  int count() {
    return count;
  }

  /** Returns argument {@code i} after the word. */
  long argument(int i) {
    if (i >= count) {
      throw error(text.indexOf(") = "), "another argument");
    }
    return arguments[i];
  }

  /** Returns a copy of the arguments after the word, padded with zeros to {@code n}. */
  long[] arguments(int n) {
    long[] copy = Arrays.copyOf(arguments, n);
    Arrays.fill(copy, Math.min(count, n), n, 0);
    return copy;
  }

  String result() {
    return result;
  }
}
