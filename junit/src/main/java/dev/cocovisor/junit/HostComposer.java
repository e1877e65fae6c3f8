package dev.cocovisor.junit;

import dev.cocovisor.host.model.HypervisorModel;

/**
 * A test class that composes its host: replaces parts, wraps hooks, adds checks.
 *
 * <p>Called once for each test, before its first guest is launched, on the test's own instance; of
 * nested tests the outermost instance comes first.
 */
@FunctionalInterface
public interface HostComposer {
  /**
   * Adds to the description of the host.
   *
   * @param host has the backends and settings of the annotations already
   */
  void compose(HypervisorModel.Builder host);
}
