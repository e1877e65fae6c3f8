package dev.cocovisor.tck.bench;

import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.core.host.KvmProcess;

/**
 * Sees what a rule does: every call of the VMM on each of its hosts, and what happens inside. It
 * changes nothing, so that a rule ends as it does unseen.
 */
public interface Spectator {
  /** Looks at nothing. */
  Spectator NONE =
      new Spectator() {
        @Override
        public TraceSink host() {
          return TraceSink.OFF;
        }

        @Override
        public VmmCalls calls(KvmProcess process) {
          return process;
        }
      };

  /** A rule makes a host of its own; returns where that one tells what happens. */
  TraceSink host();

  /** The VMM of that host has begun; returns its calls, which are {@code process}'s own, seen. */
  VmmCalls calls(KvmProcess process);
}
