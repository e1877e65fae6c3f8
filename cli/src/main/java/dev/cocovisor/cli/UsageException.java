package dev.cocovisor.cli;

/** The user asked for something that cannot be: ends the command with exit code 2. */
final class UsageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  UsageException(String message) {
    super(message);
  }
}
