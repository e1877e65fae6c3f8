package dev.cocovisor.core;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.host.KvmProcess;
import java.util.List;

/** One host with KVM loaded: physical memory, platforms, and the processes that use them. */
public final class Kvm {
  private final HostConfig config;
  private final List<Backend> backends;
  private final TraceSink trace;

  /**
   * Boots a host.
   *
   * @param backends the vendor technologies it has, besides the built-in default and
   *     software-protected VM types
   */
  public Kvm(HostConfig config, List<Backend> backends) {
    this(config, backends, TraceSink.OFF);
  }

  /**
   * Boots a host whose events go to a sink.
   *
   * @param backends as for {@link #Kvm(HostConfig, List)}
   */
  public Kvm(HostConfig config, List<Backend> backends, TraceSink trace) {
    this.config = config;
    this.backends = List.copyOf(backends);
    this.trace = trace;
  }

  /** Returns where events go. */
  public TraceSink trace() {
    return trace;
  }

  /** Returns how the host was set up. */
  public HostConfig config() {
    return config;
  }

  /** Returns the vendor technologies present. */
  public List<Backend> backends() {
    return backends;
  }

  /** Starts a process: an empty address space and no open file. */
  public KvmProcess newProcess() {
    return new KvmProcess(this);
  }
}
