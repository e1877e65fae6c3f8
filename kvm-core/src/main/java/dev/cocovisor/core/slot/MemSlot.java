package dev.cocovisor.core.slot;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.gmem.Binding;
import org.jspecify.annotations.Nullable;

/**
 * One memory slot (struct kvm_memory_slot). Immutable but for its guest_memfd, which goes to null
 * when the file is closed under it.
 */
public final class MemSlot implements SlotView, Binding {
  /** KVM_MEM_LOG_DIRTY_PAGES. */
  public static final int LOG_DIRTY = 1;

  /** KVM_MEM_READONLY. */
  public static final int READONLY = 2;

  /** KVM_MEM_GUEST_MEMFD. */
  public static final int GUEST_MEMFD = 4;

  /** KVM_MEMSLOT_INVALID: being deleted or moved. */
  public static final int INVALID = 1 << 16;

  /** KVM_MEMSLOT_GMEM_ONLY: shared memory comes from the guest_memfd too. */
  public static final int GMEM_ONLY = 1 << 17;

  private final int asId;
  private final int id;
  private final long baseGfn;
  private final long npages;
  private final int flags;
  private final long userspaceAddr;
  private final long gmemPage;
  private final @Nullable DirtyBitmap dirty;
  private final Life life;
  private volatile @Nullable BackingStore gmem;

  /** One for all copies of a slot that are made as it is invalidated or logged. */
  private static final class Life {
    volatile boolean over;
  }

  /**
   * Creates a slot without a dirty bitmap; {@code gmem} is null without a guest_memfd, {@code
   * gmemPage} its first page.
   */
  public MemSlot(
      int asId,
      int id,
      long baseGfn,
      long npages,
      int flags,
      long userspaceAddr,
      @Nullable BackingStore gmem,
      long gmemPage) {
    this(asId, id, baseGfn, npages, flags, userspaceAddr, gmem, gmemPage, null, new Life());
  }

  private MemSlot(
      int asId,
      int id,
      long baseGfn,
      long npages,
      int flags,
      long userspaceAddr,
      @Nullable BackingStore gmem,
      long gmemPage,
      @Nullable DirtyBitmap dirty,
      Life life) {
    this.life = life;
    this.asId = asId;
    this.id = id;
    this.baseGfn = baseGfn;
    this.npages = npages;
    this.flags = flags;
    this.userspaceAddr = userspaceAddr;
    this.gmem = gmem;
    this.gmemPage = gmemPage;
    this.dirty = dirty;
  }

  /** Returns a copy that readers must not use any more. */
  public MemSlot invalidated() {
    return new MemSlot(
        asId, id, baseGfn, npages, flags | INVALID, userspaceAddr, gmem, gmemPage, dirty, life);
  }

  /** Returns a copy whose writes are logged in {@code bitmap}. */
  public MemSlot loggedIn(DirtyBitmap bitmap) {
    return new MemSlot(
        asId, id, baseGfn, npages, flags, userspaceAddr, gmem, gmemPage, bitmap, life);
  }

  /** Returns the log of dirty pages, null if there is none. */
  public @Nullable DirtyBitmap dirtyBitmap() {
    return dirty;
  }

  /**
   * Logs a page that the guest may write from now on (mark_page_dirty_in_slot).
   *
   * @param ring that of the vCPU that writes; null where the VM has none, or no vCPU runs
   */
  public void markDirty(long gfn, @Nullable DirtyRing ring) {
    DirtyBitmap log = dirty;
    if (ring != null && isDirtyLogged()) {
      ring.push(asId << 16 | id, gfn - baseGfn);
    } else if (log != null) {
      log.mark(gfn - baseGfn);
    }
  }

  /** Returns the address space: 0, or 1 for SMM. */
  @Override
  public int asId() {
    return asId;
  }

  @Override
  public int id() {
    return id;
  }

  @Override
  public long baseGfn() {
    return baseGfn;
  }

  @Override
  public long npages() {
    return npages;
  }

  /** Returns the flags of the user API, without the core's own. */
  @Override
  public int flags() {
    return flags & 0xffff;
  }

  @Override
  public long userspaceAddr() {
    return userspaceAddr;
  }

  @Override
  public boolean hasGuestMemfd() {
    return (flags & GUEST_MEMFD) != 0;
  }

  /** Tells whether the slot is being deleted or moved. */
  public boolean isInvalid() {
    return (flags & INVALID) != 0;
  }

  @Override
  public boolean isGmemOnly() {
    return (flags & GMEM_ONLY) != 0;
  }

  /** Tells whether the guest may not write. */
  public boolean isReadonly() {
    return (flags & READONLY) != 0;
  }

  /** Tells whether dirty pages are logged, which keeps mappings small. */
  public boolean isDirtyLogged() {
    return (flags & LOG_DIRTY) != 0;
  }

  /** Returns the bound file, null if there is none or it was closed. */
  public @Nullable BackingStore gmem() {
    return gmem;
  }

  @Override
  public void dropGmem() {
    assertLive();
    gmem = null;
  }

  /** The slot is gone for good (kvm_free_memslot); nobody may use it or a copy of it any more. */
  public void free() {
    life.over = true;
  }

  /**
   * Asserts that the slot was not freed: who has a pointer to it could not use it.
   *
   * @throws IllegalStateException if it was
   */
  @Override
  public void assertLive() {
    if (life.over) {
      throw new IllegalStateException("slot %d is used after it was freed".formatted(id));
    }
  }

  @Override
  public long gmemPage() {
    return gmemPage;
  }

  /** Returns the file's page for a gfn of the slot. */
  public long gmemIndex(long gfn) {
    return gfn - baseGfn + gmemPage;
  }

  /**
   * Tells whether a leaf of {@code level} at {@code gfn} fits: inside the slot, and gfn, user
   * address (or file offset) aligned alike. Source: {@code arch/x86/kvm/x86.c},
   * kvm_alloc_memslot_metadata (disallow_lpage).
   *
   * @param fromGmem whether the memory comes from the guest_memfd
   */
  public boolean allowsLevel(long gfn, PageLevel level, boolean fromGmem) {
    long first = level.alignDown(gfn);
    if (first < baseGfn || first + level.pages() > baseGfn + npages) {
      return false;
    }
    // The kernel compares the user address only; a file's folio has its own alignment besides.
    long other = fromGmem ? gmemPage : userspaceAddr >>> PageLevel.PAGE_SHIFT;
    return ((baseGfn ^ other) & (level.pages() - 1)) == 0;
  }
}
