package dev.cocovisor.core.vm;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What went wrong with a VM for good: KVM_BUG_ON, after which every ioctl is EIO, and leaks. */
final class Health {
  private final List<String> leaks = new ArrayList<>();
  private volatile boolean dead;
  private @Nullable String bugText;
  private long leakedFrames;

  /** Marks the VM dead; the first reason is kept. */
  void bug(String why) {
    dead = true;
    if (bugText == null) {
      bugText = why;
    }
  }

  boolean isDead() {
    return dead;
  }

  @Nullable String bugText() {
    return bugText;
  }

  void leak(long pfn, long count, String why) {
    leakedFrames += count;
    leaks.add("frame 0x" + Long.toHexString(pfn) + "+" + count + ": " + why);
  }

  long leakedFrames() {
    return leakedFrames;
  }

  List<String> leaks() {
    return List.copyOf(leaks);
  }
}
