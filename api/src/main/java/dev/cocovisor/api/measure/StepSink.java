package dev.cocovisor.api.measure;

/** Told of every step of a measurement. */
@FunctionalInterface
public interface StepSink {
  /** Ignores everything. */
  StepSink NONE = (type, gpa, contentHash, running) -> {};

  /**
   * One page or block entered the digest.
   *
   * @param type what it is: {@code NORMAL}, {@code VMSA}, {@code MEM.PAGE.ADD}, {@code DATA}, …
   * @param gpa guest-physical address in bytes, or -1 where the step has none
   * @param contentHash hash of its content in hex; empty where only the address is measured
   * @param running the running digest after the step in hex; empty where the hash is not readable
   */
  void step(String type, long gpa, String contentHash, String running);
}
