package dev.cocovisor.cli.print;

/** Commands a user can paste into a shell. */
public final class Quoting {
  private Quoting() {}

  /** Returns the command line that starts the launcher with these arguments. */
  public static String command(String... args) {
    var out = new StringBuilder("./cocovisor");
    for (String arg : args) {
      out.append(' ').append(word(arg));
    }
    return out.toString();
  }

  /** Returns a word, quoted if a shell would take it apart. */
  public static String word(String arg) {
    return arg.matches("[A-Za-z0-9_./:=,@%+-]+") ? arg : "'" + arg.replace("'", "'\\''") + "'";
  }
}
