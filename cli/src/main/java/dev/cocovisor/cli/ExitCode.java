package dev.cocovisor.cli;

/** The exit codes of every subcommand. */
final class ExitCode {
  /** Everything was as expected. */
  static final int CLEAN = 0;

  /** An answer differs, an expectation is not met or an invariant is broken. */
  static final int FOUND = 1;

  /** The command line, a file's name or a file's text is wrong. */
  static final int USAGE = 2;

  /** A plugin does not load or does not fit. */
  static final int PLUGIN = 3;

  /** The budget ran out before there was a verdict. */
  static final int BUDGET = 4;

  /** The program itself failed. */
  static final int INTERNAL = 70;

  private ExitCode() {}
}
