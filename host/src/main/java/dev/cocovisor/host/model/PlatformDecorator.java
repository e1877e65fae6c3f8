package dev.cocovisor.host.model;

import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;

/**
 * Wraps, replaces or sets up the trusted half of a backend as a host creates it. What a backend
 * offers of its trusted half, it offers by its platform's class.
 */
@FunctionalInterface
public interface PlatformDecorator {
  /**
   * Returns the platform to use.
   *
   * @param backend the backend's id
   * @param host the machine the platform lives on
   * @param platform a fresh platform, maybe wrapped already
   */
  Platform decorate(String backend, HostMachine host, Platform platform);
}
