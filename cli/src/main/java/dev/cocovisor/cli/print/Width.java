package dev.cocovisor.cli.print;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/** How wide a line may be: as wide as the terminal, or as it likes. Found out on first use. */
public final class Width {
  private static final int LEAST = 40;

  private final boolean terminal;
  private int columns = -1;

  /** Makes the width of a terminal, or of what is none. */
  public Width(boolean terminal) {
    this.terminal = terminal;
  }

  /** Makes a width of so many columns; 0 for any. */
  public static Width of(int columns) {
    var width = new Width(false);
    width.columns = columns;
    return width;
  }

  /** Lets lines be as wide as they like from now on. */
  public void unlimited() {
    columns = 0;
  }

  /** Returns the columns, 0 where there is no limit. */
  public int columns() {
    if (columns < 0) {
      columns = terminal ? ask() : 0;
    }
    return columns;
  }

  private static int ask() {
    String told = System.getenv("COLUMNS");
    int columns = number(told == null ? "" : told);
    if (columns == 0) {
      columns = number(size().replaceFirst("^\\d+ +", ""));
    }
    return columns == 0 ? 0 : Math.max(columns, LEAST);
  }

  private static String size() {
    try {
      Process p = new ProcessBuilder("sh", "-c", "stty size </dev/tty 2>/dev/null").start();
      String said = new String(p.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
      return p.waitFor(1, TimeUnit.SECONDS) ? said.strip() : "";
    } catch (IOException e) {
      return "";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "";
    }
  }

  private static int number(String text) {
    return text.matches("\\d{1,4}") ? Integer.parseInt(text) : 0;
  }
}
