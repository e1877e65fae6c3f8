package dev.cocovisor.cca.rmilog;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.mem.SparseMemory;
import org.jspecify.annotations.Nullable;

/**
 * Memory that notes the words an RMM writes one by one: address lists and configurations. Pages it
 * fills, copies or writes as a whole are not noted.
 */
final class WatchedMemory implements PhysicalMemory {
  private final PhysicalMemory memory = new SparseMemory();
  private boolean watching;
  private long first;
  private final StringBuilder words = new StringBuilder();

  /** Begins to note words. */
  void watch() {
    watching = true;
    words.setLength(0);
  }

  /** Ends noting; returns the words as a log tells them, null if there were none. */
  @Nullable String written() {
    watching = false;
    if (words.isEmpty()) {
      return null;
    }
    String line = "wrote(" + ExitPage.hex(first) + ") = {" + words + "}";
    words.setLength(0);
    return line;
  }

  @Override
  public void writeLong(long address, long value) {
    memory.writeLong(address, value);
    if (watching) {
      if (words.isEmpty()) {
        first = address;
      } else {
        words.append(", ");
      }
      words.append(ExitPage.hex(value));
    }
  }

  @Override
  public void read(long hpa, byte[] into, int offset, int length) {
    memory.read(hpa, into, offset, length);
  }

  @Override
  public void write(long hpa, byte[] from, int offset, int length) {
    memory.write(hpa, from, offset, length);
  }

  @Override
  public int readByte(long hpa) {
    return memory.readByte(hpa);
  }

  @Override
  public void writeByte(long hpa, int value) {
    memory.writeByte(hpa, value);
  }

  @Override
  public long readLong(long hpa) {
    return memory.readLong(hpa);
  }

  @Override
  public void zero(long pfn, long count) {
    memory.zero(pfn, count);
  }

  @Override
  public void copyFrame(long toPfn, long fromPfn) {
    memory.copyFrame(toPfn, fromPfn);
  }

  @Override
  public boolean isZero(long pfn) {
    return memory.isZero(pfn);
  }
}
