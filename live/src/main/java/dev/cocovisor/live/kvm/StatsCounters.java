package dev.cocovisor.live.kvm;

import static dev.cocovisor.live.agent.Syscall.PREAD64;

import dev.cocovisor.core.host.PageStats;
import org.jspecify.annotations.Nullable;

/**
 * A VM's page counters, from the descriptor that KVM_GET_STATS_FD gives. Source: {@code
 * Documentation/virt/kvm/api.rst}, 4.131.
 */
final class StatsCounters {
  private static final String[] NAMES = {"pages_4k", "pages_2m", "pages_1g"};
  private static final int HEADER = 24;
  private static final int DESCRIPTOR = 16;

  private final Kernel kernel;
  private final long fd;
  private final long[] offsets = {-1, -1, -1};

  private StatsCounters(Kernel kernel, long fd) {
    this.kernel = kernel;
    this.fd = fd;
  }

  /** Finds a VM's counters; null if this kernel counts no pages. */
  static @Nullable StatsCounters of(Kernel kernel, long vm) {
    long fd = kernel.ioctl(vm, Kernel.GET_STATS_FD, 0);
    if (fd < 0) {
      return null;
    }
    var counters = new StatsCounters(kernel, fd);
    return counters.find() ? counters : null;
  }

  private boolean find() {
    read(0, HEADER);
    long nameSize = kernel.get32(Kernel.DATA + 4);
    long count = kernel.get32(Kernel.DATA + 8);
    long descriptors = kernel.get32(Kernel.DATA + 16);
    long data = kernel.get32(Kernel.DATA + 20);
    long size = DESCRIPTOR + nameSize;
    read(descriptors, count * size);
    for (long i = 0; i < count; i++) {
      long at = Kernel.DATA + i * size;
      String name = kernel.text(at + DESCRIPTOR);
      for (int n = 0; n < NAMES.length; n++) {
        if (name.equals(NAMES[n])) {
          offsets[n] = data + kernel.get32(at + 8);
        }
      }
    }
    return offsets[0] >= 0 && offsets[1] >= 0 && offsets[2] >= 0;
  }

  /** Returns the descriptor, which holds the VM alive until it is closed. */
  long fd() {
    return fd;
  }

  /** Returns the counters as they are now. */
  PageStats now() {
    long first = Math.min(offsets[0], Math.min(offsets[1], offsets[2]));
    long last = Math.max(offsets[0], Math.max(offsets[1], offsets[2]));
    read(first, last - first + 8);
    return new PageStats(at(0, first), at(1, first), at(2, first));
  }

  private long at(int n, long first) {
    return kernel.get64(Kernel.DATA + offsets[n] - first);
  }

  private void read(long offset, long size) {
    var _ = kernel.call(PREAD64, fd, kernel.data(), size, offset);
  }
}
