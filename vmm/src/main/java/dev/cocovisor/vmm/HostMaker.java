package dev.cocovisor.vmm;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import java.util.List;

/** Boots the hosts that guests run on: as they are built, or from other parts. */
@FunctionalInterface
public interface HostMaker {
  /** Boots a host; who asks closes it. */
  Kvm boot(HostConfig config, List<Backend> backends, TraceSink trace);
}
