package dev.cocovisor.api.log;

import org.apiguardian.api.API;

/**
 * Told of each mismatch, in the order of the log.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
@FunctionalInterface
public interface MismatchSink {
  /** Ignores everything. */
  MismatchSink NONE = m -> {};

  /** Takes one mismatch. */
  void mismatch(Mismatch mismatch);
}
