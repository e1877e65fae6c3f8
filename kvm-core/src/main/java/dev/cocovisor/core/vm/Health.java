package dev.cocovisor.core.vm;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** What went wrong with a VM for good: KVM_BUG_ON, after which every ioctl is EIO, and leaks. */
final class Health {
  private final List<String> leaks = new ArrayList<>();
  private final Set<Long> leaked = ConcurrentHashMap.newKeySet();
  private final Set<Long> staying = ConcurrentHashMap.newKeySet();
  private volatile boolean dead;
  private @Nullable String bugText;

  /** Marks the VM dead; the first reason is kept. */
  void bug(String why) {
    dead = true;
    if (bugText == null) {
      bugText = why;
    }
  }

  /** Marks the VM dead without a bug of the kernel's (kvm_vm_dead). */
  void end() {
    dead = true;
  }

  boolean isDead() {
    return dead;
  }

  @Nullable String bugText() {
    return bugText;
  }

  /** Notes that a frame is lost, and why; false if that is known. */
  boolean leak(long pfn, String why) {
    if (!leaked.add(pfn)) {
      return false;
    }
    leaks.add(line(pfn, why));
    return true;
  }

  /** Notes that a frame stays where it is, though it is not lost. */
  void stays(long pfn, String why) {
    staying.add(pfn);
    String line = line(pfn, why);
    if (!leaks.contains(line)) {
      leaks.add(line);
    }
  }

  private static String line(long pfn, String why) {
    return "frame 0x" + Long.toHexString(pfn) + ": " + why;
  }

  /** Notes that a frame came back after all; false if it was not lost. */
  boolean regained(long pfn) {
    return !leaked.isEmpty() && leaked.remove(pfn);
  }

  long leakedFrames() {
    return leaked.size();
  }

  /** Tells whether a mapping of a frame may outlive its slot: a trusted half did not let it go. */
  boolean mayStay(long pfn) {
    return (!leaked.isEmpty() && leaked.contains(pfn))
        || (!staying.isEmpty() && staying.contains(pfn));
  }

  List<String> leaks() {
    return List.copyOf(leaks);
  }
}
