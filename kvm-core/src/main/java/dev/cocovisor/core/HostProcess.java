package dev.cocovisor.core;

/** A process of a host, as the host knows it: something that ends with it at the latest. */
public interface HostProcess extends AutoCloseable {
  /** Ends the process: every descriptor is closed, every mapping goes. Again is harmless. */
  @Override
  void close();
}
