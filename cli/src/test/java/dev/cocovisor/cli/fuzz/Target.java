package dev.cocovisor.cli.fuzz;

import java.util.List;

/**
 * Something that reads.
 *
 * @param name as the property {@code cocovisor.fuzz.target} names it
 * @param corpus inputs it understands
 * @param reader reads one input
 */
record Target(String name, List<byte[]> corpus, Reader reader) {
  /** Reads one input. */
  interface Reader {
    /**
     * Reads.
     *
     * @return null if it ended as it should, else what was wrong
     * @throws Exception which is a finding too
     */
    @org.jspecify.annotations.Nullable
    String read(byte[] input) throws Exception;
  }

  @Override
  public String toString() {
    return name;
  }
}
