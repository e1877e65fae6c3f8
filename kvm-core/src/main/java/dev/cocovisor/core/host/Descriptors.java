package dev.cocovisor.core.host;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The descriptor table of a process: lowest free number first, from 3. */
final class Descriptors {
  /** /dev/kvm, which has no state. */
  static final Object DEV_KVM = new Object();

  private static final int FIRST = 3;

  private final List<@Nullable Object> open = new ArrayList<>();

  int install(Object what) {
    int i = 0;
    while (i < open.size() && open.get(i) != null) {
      i++;
    }
    if (i == open.size()) {
      open.add(what);
    } else {
      open.set(i, what);
    }
    return i + FIRST;
  }

  @Nullable Object get(long fd) {
    long i = fd - FIRST;
    return i >= 0 && i < open.size() ? open.get((int) i) : null;
  }

  @Nullable Object remove(long fd) {
    Object was = get(fd);
    if (was != null) {
      open.set((int) fd - FIRST, null);
    }
    return was;
  }

  List<Integer> all() {
    List<Integer> fds = new ArrayList<>();
    for (int i = 0; i < open.size(); i++) {
      if (open.get(i) != null) {
        fds.add(i + FIRST);
      }
    }
    return fds;
  }
}
