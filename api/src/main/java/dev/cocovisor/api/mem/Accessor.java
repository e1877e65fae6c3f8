package dev.cocovisor.api.mem;

import org.apiguardian.api.API;

/**
 * Who touches physical memory.
 *
 * @param kind the kind of agent
 * @param vm the VM's number for {@link Kind#GUEST}, else 0
 * @param key the HKID, ASID or VMID the access carries; 0 for none, as with the C-bit off
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record Accessor(Kind kind, int vm, int key) {
  /**
   * Kinds of agents.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  public enum Kind {
    /** The host kernel, through its direct map. */
    HOST_KERNEL,
    /** A host process, through its own mapping. */
    HOST_USER,
    /** A guest, through its second stage. */
    GUEST,
    /** A trusted half; never refused. */
    FIRMWARE,
    /** A device, through DMA. */
    DEVICE
  }

  /** The host kernel. */
  public static final Accessor HOST_KERNEL = new Accessor(Kind.HOST_KERNEL, 0, 0);

  /** A host process. */
  public static final Accessor HOST_USER = new Accessor(Kind.HOST_USER, 0, 0);

  /** A device. */
  public static final Accessor DEVICE = new Accessor(Kind.DEVICE, 0, 0);
}
