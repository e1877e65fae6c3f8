package dev.cocovisor.api.measure;

import org.apiguardian.api.API;

/**
 * A vector file is not as its format says; never the measured input's fault.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public final class MalformedVector extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Creates the complaint. */
  public MalformedVector(String message) {
    super(message);
  }
}
