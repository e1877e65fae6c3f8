package dev.cocovisor.api.measure;

/** An input to a measurement is refused: says what is wrong at which offset. */
public final class MeasureException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Creates the refusal. */
  public MeasureException(String message) {
    super(message);
  }
}
