package dev.cocovisor.bench;

import dev.cocovisor.api.Backend;
import dev.cocovisor.vmm.Technologies;
import java.nio.file.Path;
import java.util.ServiceLoader;

/** What benchmarks share. */
final class Setup {
  private Setup() {}

  /** Stops a benchmark whose model refuses a step: its figure would mean nothing. */
  static void ok(long status) {
    if (status != 0) {
      throw new IllegalStateException("status 0x" + Long.toHexString(status));
    }
  }

  /** Returns the technologies on the class path. */
  static Technologies technologies() {
    return Technologies.of(ServiceLoader.load(Backend.class));
  }

  /** Returns a file of the repository. */
  static Path file(String name) {
    return Path.of(System.getProperty("cocovisor.root", "."), name);
  }
}
