package dev.cocovisor.pkvm.hyp;

/**
 * Page-table entries as one word.
 *
 * <p>A valid entry keeps frame, permissions, the accessed flag and, in software bits, the page
 * state. An invalid entry is 0 or an annotation: type in bits 63:60, meta in 59:4, owner in 3:1,
 * bit 0 clear. In a host entry that names a guest, meta is the VM's handle (16 bits) and the gfn
 * (40 bits), so that EL2 finds the guest's mapping from a physical address. Source: {@code
 * nvhe/mem_protect.c} and {@code asm/kvm_pgtable.h}; the valid entry's bit positions are the
 * model's own.
 */
final class Pte {
  /** The entry translates. */
  static final long VALID = 1;

  /** The page was touched since it was mapped or made old. */
  static final long ACCESSED = 1 << 1;

  /** Reads are allowed; permissions R, W, X are bits 2 to 4. */
  static final int PROT_SHIFT = 2;

  /** Device memory. */
  static final long DEVICE = 1 << 7;

  /** Read permission in a prot argument. */
  static final int R = 1;

  /** Write permission in a prot argument. */
  static final int W = 2;

  /** Execute permission in a prot argument. */
  static final int X = 4;

  /** All permissions. */
  static final int RWX = R | W | X;

  private static final int STATE_SHIFT = 5;
  private static final int PFN_SHIFT = 12;
  private static final int TYPE_SHIFT = 60;
  private static final long TYPE_DONATION = 2;
  private static final long TYPE_POISONED = 3;
  private static final int META_SHIFT = 4;
  private static final int GFN_SHIFT = META_SHIFT + 16;
  private static final long GFN_MASK = (1L << 40) - 1;

  private Pte() {}

  static long leaf(long pfn, int prot, PageState state) {
    return (pfn << PFN_SHIFT)
        | ((long) state.bits() << STATE_SHIFT)
        | ((long) prot << PROT_SHIFT)
        | ACCESSED
        | VALID;
  }

  static boolean valid(long pte) {
    return (pte & VALID) != 0;
  }

  static long pfn(long pte) {
    return pte >>> PFN_SHIFT;
  }

  static int prot(long pte) {
    return (int) (pte >>> PROT_SHIFT) & RWX;
  }

  /** Returns the state a guest's entry stands for; invalid entries mean NOPAGE or POISON. */
  static PageState state(long pte) {
    if (valid(pte)) {
      return PageState.of((int) (pte >>> STATE_SHIFT) & 3);
    }
    return isPoisoned(pte) ? PageState.POISON : PageState.NOPAGE;
  }

  static long withState(long pte, PageState state) {
    return (pte & ~(3L << STATE_SHIFT)) | ((long) state.bits() << STATE_SHIFT);
  }

  static long withProt(long pte, int prot) {
    return (pte & ~((long) RWX << PROT_SHIFT)) | ((long) prot << PROT_SHIFT);
  }

  static long ownedByHyp() {
    return (TYPE_DONATION << TYPE_SHIFT) | ((long) Owner.HYP.id() << 1);
  }

  static long ownedByGuest(int handle, long gfn) {
    return (TYPE_DONATION << TYPE_SHIFT)
        | ((gfn & GFN_MASK) << GFN_SHIFT)
        | ((handle & 0xffffL) << META_SHIFT)
        | ((long) Owner.GUEST.id() << 1);
  }

  static long poisoned() {
    return TYPE_POISONED << TYPE_SHIFT;
  }

  static boolean isPoisoned(long pte) {
    return !valid(pte) && pte >>> TYPE_SHIFT == TYPE_POISONED;
  }

  static Owner owner(long pte) {
    return switch ((int) (pte >>> 1) & 7) {
      case 1 -> Owner.HYP;
      case 2 -> Owner.GUEST;
      default -> Owner.HOST;
    };
  }

  static int ownerHandle(long pte) {
    return (int) (pte >>> META_SHIFT) & 0xffff;
  }

  static long ownerGfn(long pte) {
    return (pte >>> GFN_SHIFT) & GFN_MASK;
  }
}
