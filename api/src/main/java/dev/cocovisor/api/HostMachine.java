package dev.cocovisor.api;

import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.trace.TraceSink;

/** The machine a platform lives on. */
public interface HostMachine {
  /** Returns the host's architecture. */
  Architecture architecture();

  /** Returns physical memory with its allocator and guards. */
  HostMemory memory();

  /** Returns the number of logical processors, at least 1. */
  int cpus();

  /** Returns where events go; never null. */
  TraceSink trace();

  /**
   * Returns a setting made by the user for this host, e.g. {@code tdx.page-size-policy}.
   *
   * @param key the backend's id, a dot and a name listed in {@link BackendInfo#settings}
   * @param otherwise the default
   */
  String setting(String key, String otherwise);
}
