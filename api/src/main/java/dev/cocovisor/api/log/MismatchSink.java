package dev.cocovisor.api.log;

/** Told of each mismatch, in the order of the log. */
@FunctionalInterface
public interface MismatchSink {
  /** Ignores everything. */
  MismatchSink NONE = m -> {};

  /** Takes one mismatch. */
  void mismatch(Mismatch mismatch);
}
