package dev.cocovisor.host.model;

import dev.cocovisor.api.mem.PhysicalGuard;

/** Wraps the guard of a platform, which judges every access to physical memory. */
@FunctionalInterface
public interface GuardDecorator {
  /** Returns the guard to use for a backend's platform. */
  PhysicalGuard decorate(String backend, PhysicalGuard guard);
}
