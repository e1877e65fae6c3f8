package dev.cocovisor.api.measure;

/** A vector file is not as its format says; never the measured input's fault. */
public final class MalformedVector extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Creates the complaint. */
  public MalformedVector(String message) {
    super(message);
  }
}
