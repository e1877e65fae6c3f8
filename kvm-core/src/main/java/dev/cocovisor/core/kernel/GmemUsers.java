package dev.cocovisor.core.kernel;

/** Which VMs may have slots on a guest_memfd, which is what KVM_CAP_GUEST_MEMFD answers. */
@FunctionalInterface
public interface GmemUsers {
  /** Those whose memory can be private. */
  GmemUsers PRIVATE_ONLY = mayBePrivate -> mayBePrivate;

  /** All. */
  GmemUsers ALL = _ -> true;

  /** Tells whether a VM may. */
  boolean mayBind(boolean mayBePrivate);
}
