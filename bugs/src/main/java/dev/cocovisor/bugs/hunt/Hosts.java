package dev.cocovisor.bugs.hunt;

import dev.cocovisor.core.Kvm;
import dev.cocovisor.vmm.Technologies;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Keeps the host that a scenario boots within reach, to look at it. */
final class Hosts {
  private final Technologies technologies;
  private @Nullable Kvm last;

  Hosts(Technologies inner) {
    technologies =
        inner.withHosts((config, backends, trace) -> last = inner.boot(config, backends, trace));
  }

  Technologies technologies() {
    return technologies;
  }

  /** Returns the host booted last, and forgets it; null if none was. */
  @Nullable Kvm take() {
    Kvm host = last;
    last = null;
    return host;
  }

  /** Returns the host booted last; null if none was. */
  @Nullable Kvm last() {
    return last;
  }

  /**
   * Ends a host and reports frames that did not come back. The page of zeros of an x86 host stays.
   */
  static void end(Kvm host, Consumer<String> violation) {
    long leaked = host.vms().stream().mapToLong(vm -> vm.leakedFrames()).sum();
    host.close();
    long left = host.memory().allocatedFrames() - leaked;
    if (left > 1) {
      violation.accept(left + " frames are left when all is closed");
    }
  }
}
