package dev.cocovisor.pkvm.hyp;

/**
 * Whom an invalid entry of the host's stage 2 names as the page's owner.
 *
 * <p>Source: {@code arch/arm64/kvm/hyp/include/nvhe/memory.h} and {@code mem_protect.c}, owner ids.
 */
public enum Owner {
  /** The host; never annotated, since host pages are mapped lazily. */
  HOST(0),
  /** EL2 itself. */
  HYP(1),
  /** A guest; the annotation's meta field names VM and address. */
  GUEST(2);

  private final int id;

  Owner(int id) {
    this.id = id;
  }

  /** Returns the id stored in annotations. */
  public int id() {
    return id;
  }
}
