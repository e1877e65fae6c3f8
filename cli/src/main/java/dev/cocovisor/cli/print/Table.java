package dev.cocovisor.cli.print;

import java.util.ArrayList;
import java.util.List;

/** Rows of text in aligned columns. */
public final class Table {
  private final List<String[]> rows = new ArrayList<>();

  public Table(String... head) {
    rows.add(head);
  }

  public void row(String... cells) {
    rows.add(cells);
  }

  public void print(Console console) {
    int columns = rows.getFirst().length;
    int[] width = new int[columns];
    for (String[] row : rows) {
      for (int i = 0; i < columns; i++) {
        width[i] = Math.max(width[i], row[i].length());
      }
    }
    boolean head = true;
    for (String[] row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < columns; i++) {
        line.append(row[i]);
        if (i < columns - 1) {
          line.append(" ".repeat(width[i] - row[i].length() + 2));
        }
      }
      console.out().println(head ? console.bold(line.toString()) : line.toString());
      head = false;
    }
  }
}
