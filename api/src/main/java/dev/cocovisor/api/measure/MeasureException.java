package dev.cocovisor.api.measure;

import org.apiguardian.api.API;

/**
 * An input to a measurement is refused: says what is wrong and, for an image, at which offset.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public final class MeasureException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Creates the refusal. */
  public MeasureException(String message) {
    super(message);
  }

  /** Creates the refusal of a file that could not be read. */
  public MeasureException(String message, Throwable cause) {
    super(message, cause);
  }
}
