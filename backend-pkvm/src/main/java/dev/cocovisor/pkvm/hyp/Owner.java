package dev.cocovisor.pkvm.hyp;

/**
 * Whom an invalid entry of the host's stage 2 names as the page's owner.
 *
 * <p>The ordinal is the stored id: host 0, EL2 1, guest 2. Source: {@code
 * arch/arm64/kvm/hyp/include/nvhe/memory.h} and {@code mem_protect.c}, owner ids.
 */
public enum Owner {
  /** The host; never annotated, since host pages are mapped lazily. */
  HOST,
  /** EL2 itself. */
  HYP,
  /** A guest; the annotation's meta field names VM and address. */
  GUEST
}
