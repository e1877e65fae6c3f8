package dev.cocovisor.pkvm.hyp;

/**
 * What a component (host, EL2 or a guest) may do with a page.
 *
 * <p>The numbers are bits: one for "others have access too", one for "somebody else owns it"; both
 * together mean no access at all. Source: {@code arch/arm64/kvm/hyp/include/nvhe/memory.h}, enum
 * pkvm_page_state.
 */
public enum PageState {
  /** The component owns the page and is alone with it. */
  OWNED(0),
  /** The component owns the page; another one has access. */
  SHARED_OWNED(1),
  /** The component has access to a page that another one owns. */
  SHARED_BORROWED(2),
  /** The component has no access. */
  NOPAGE(3),
  /** Guests only: the page was taken away by force and the address can never be backed again. */
  POISON(4);

  private static final PageState[] BY_BITS = values();

  private final int bits;

  PageState(int bits) {
    this.bits = bits;
  }

  /** Returns the stored value, 0 to 4. */
  public int bits() {
    return bits;
  }

  /**
   * Finds a state by its stored value.
   *
   * @param bits 0 to 4
   */
  public static PageState of(int bits) {
    return BY_BITS[bits];
  }
}
