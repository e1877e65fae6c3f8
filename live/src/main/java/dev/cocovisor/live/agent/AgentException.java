package dev.cocovisor.live.agent;

/** The agent cannot be started, died, or did not answer in time. */
public final class AgentException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final boolean hung;

  AgentException(String what, boolean hung) {
    super(what);
    this.hung = hung;
  }

  /** Tells whether a call did not return in time. */
  public boolean hung() {
    return hung;
  }
}
