package dev.cocovisor.cli.print;

/** The exit codes of every subcommand. */
public final class ExitCode {
  /** Everything was as expected. */
  public static final int CLEAN = 0;

  /** An answer differs, an expectation is not met or an invariant is broken. */
  public static final int FOUND = 1;

  /** The command line, a file's name or a file's text is wrong. */
  public static final int USAGE = 2;

  /** A plugin does not load or does not fit. */
  public static final int PLUGIN = 3;

  /** The budget ran out before there was a verdict. */
  public static final int BUDGET = 4;

  /** The program itself failed. */
  public static final int INTERNAL = 70;

  private ExitCode() {}
}
