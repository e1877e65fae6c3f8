package dev.cocovisor.cli.print;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Rows of text in aligned columns. Where the console has a width, the widest columns give way until
 * the table fits, and what they hold is wrapped.
 */
public final class Table {
  private static final int GAP = 2;
  private static final int LEAST = 8;

  private final List<String[]> rows = new ArrayList<>();

  /** Begins a table with the names of its columns. */
  public Table(String... head) {
    rows.add(head);
  }

  /** Adds a row, of as many cells as there are columns. */
  public void row(String... cells) {
    rows.add(cells);
  }

  /** Prints the table. */
  public void print(Console console) {
    int[] widths = widths();
    fit(widths, console.width().columns());
    boolean head = true;
    for (String[] row : rows) {
      for (String line : lines(row, widths)) {
        console.out().println(head ? console.bold(line) : line);
      }
      head = false;
    }
  }

  private int[] widths() {
    int[] widths = new int[rows.getFirst().length];
    for (String[] row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row[i].length());
      }
    }
    return widths;
  }

  private static void fit(int[] widths, int columns) {
    int gaps = GAP * (widths.length - 1);
    while (columns > 0 && Arrays.stream(widths).sum() + gaps > columns) {
      int widest = 0;
      for (int i = 1; i < widths.length; i++) {
        widest = widths[i] > widths[widest] ? i : widest;
      }
      if (widths[widest] <= LEAST) {
        return;
      }
      widths[widest]--;
    }
  }

  private static List<String> lines(String[] row, int[] widths) {
    List<List<String>> cells = new ArrayList<>();
    int high = 1;
    for (int i = 0; i < widths.length; i++) {
      cells.add(wrapped(row[i], widths[i]));
      high = Math.max(high, cells.get(i).size());
    }
    List<String> lines = new ArrayList<>();
    for (int n = 0; n < high; n++) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        String part = n < cells.get(i).size() ? cells.get(i).get(n) : "";
        line.append(part);
        if (i < widths.length - 1) {
          line.append(" ".repeat(widths[i] - part.length() + GAP));
        }
      }
      lines.add(n == 0 ? line.toString() : line.toString().stripTrailing());
    }
    return lines;
  }

  /** Cuts text into lines, at spaces where there are any. */
  static List<String> wrapped(String text, int width) {
    List<String> lines = new ArrayList<>();
    String rest = text;
    while (rest.length() > width) {
      int space = rest.lastIndexOf(' ', width);
      int cut = space > width / 3 ? space : width;
      lines.add(rest.substring(0, cut).stripTrailing());
      rest = rest.substring(cut).stripLeading();
    }
    lines.add(rest);
    return lines;
  }
}
