package dev.cocovisor.api.ops;

import org.apiguardian.api.API;

/**
 * Who keeps a VM's second stage.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public enum StageShape {
  /** The core's tables are what the hardware walks: default VMs, SW-protected, SEV, SNP. */
  DIRECT,
  /**
   * Shared gfns as {@link #DIRECT}; private gfns in a mirror whose every change is carried to an
   * external table by the hooks of {@link ExternalTableOps}: TDX.
   */
  MIRRORED,
  /** A trusted half keeps the tables; the core keeps a registry of what it gave: pKVM, CCA. */
  DELEGATED
}
