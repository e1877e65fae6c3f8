package dev.cocovisor.core.gmem;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.sched.RefCount;
import dev.cocovisor.core.mem.PolicyMap;
import dev.cocovisor.core.mm.AddressSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * One VM's view of a guest_memfd: the file with the slots bound to it (struct gmem_file).
 *
 * <p>References are descriptors and user mappings; the last one releases the file, which takes its
 * pages out of the VM and its bindings away but leaves the folios to the inode. Bindings change
 * under slots_lock and the invalidate lock. Source: {@code virt/kvm/guest_memfd.c}.
 */
public class GmemFile extends InodeStore implements GuestMemfd {
  private static final int PUNCH_HOLE_KEEP_SIZE = 3;

  private final BindingOwner owner;
  private final TreeMap<Long, Binding> bindings = new TreeMap<>();
  private final boolean pinsOwner;
  private final RefCount references = new RefCount("guest_memfd file", 1);

  /** Makes a file with a fresh inode, for {@link #opened}. */
  protected GmemFile(Request r) {
    this(
        new GmemInode(
            r.memory(), r.inodeNumber(), r.size(), r.flags(), r.preferredOrder(), r.owner()),
        r.owner(),
        true);
  }

  private GmemFile(GmemInode inode, BindingOwner owner, boolean pinsOwner) {
    super(inode);
    this.owner = owner;
    this.pinsOwner = pinsOwner;
  }

  /** Creates a file with a fresh inode, with one reference. */
  public static GmemFile create(Request request) {
    return opened(new GmemFile(request));
  }

  /** Opens an inode for a VM; {@code pins}: the file keeps the VM alive, as guest_memfd does. */
  static GmemFile open(GmemInode inode, BindingOwner owner, boolean pins) {
    return opened(new GmemFile(inode, owner, pins));
  }

  /** Opens a file just made: its inode and its VM know it from now on. */
  public static GmemFile opened(GmemFile file) {
    file.inode.opened(file);
    if (file.pinsOwner) {
      file.owner.gmemOpened();
    }
    return file;
  }

  /** Tells whether somebody has a reference: nobody has once the file is being released. */
  protected final boolean isOpen() {
    return references.count() > 0;
  }

  @Override
  public GuestMemfd link(BindingOwner other) {
    return open(inode, other, true);
  }

  BindingOwner owner() {
    return owner;
  }

  @Override
  public void acquire() {
    references.get();
  }

  @Override
  public boolean tryAcquire() {
    return references.getUnlessZero();
  }

  @Override
  public void release() {
    if (!references.put()) {
      return;
    }
    owner.lockSlots();
    try {
      inode.lock().lock();
      try {
        List<Binding> bound = List.copyOf(bindings.values());
        for (Binding s : bound) {
          s.dropGmem();
        }
        if (!bound.isEmpty()) {
          // Whole slots: no huge leaf is cut, so this cannot fail.
          Errno r = owner.gmemInvalidateBegin(bound, 0, Long.MAX_VALUE, wholePages());
          if (r.ok()) {
            owner.gmemInvalidateEnd();
          }
        }
        bindings.clear();
        inode.closed(this);
      } finally {
        inode.lock().unlock();
      }
    } finally {
      owner.unlockSlots();
    }
    if (pinsOwner) {
      owner.gmemClosed();
    }
  }

  @Override
  public long inodeNumber() {
    return inode.number();
  }

  @Override
  public Errno fallocate(int mode, long offset, long length) {
    return inode.fallocate(mode, offset, length);
  }

  @Override
  public long pages() {
    return inode.pages();
  }

  /** Returns which mappings go when pages go altogether. */
  PageFilter wholePages() {
    return owner.filterOfPages(inode.has(GmemInode.FLAG_INIT_SHARED));
  }

  Errno invalidateBegin(long start, long end, PageFilter filter) {
    List<Binding> hit = bound(start, end);
    return hit.isEmpty() ? Errno.OK : owner.gmemInvalidateBegin(hit, start, end, filter);
  }

  /** Tells the VM that pages are converted now. */
  void converted(long start, long end, boolean toPrivate) {
    List<Binding> hit = toPrivate ? bound(start, end) : List.of();
    if (!hit.isEmpty()) {
      owner.gmemBecamePrivate(hit, start, end);
    }
  }

  /** The arguments in the kernel's order (kvm_gmem_set_attributes), then the conversion. */
  @Override
  public Conversion setAttributes(long offset, long size, long attributes, long flags) {
    String wrong = malformed(offset, size, attributes, flags);
    if (wrong != null) {
      return Conversion.refused(owner.trace().refuse(Errno.EINVAL, wrong));
    }
    return inode.convert(
        offset >>> PageLevel.PAGE_SHIFT,
        (offset + size) >>> PageLevel.PAGE_SHIFT,
        attributes != 0,
        owner.attributeEntries());
  }

  private @Nullable String malformed(long offset, long size, long attributes, long flags) {
    if (flags != 0) {
      return "flags and reserved must be 0";
    }
    if (!owner.mayBePrivate()) {
      return "the VM type has no private memory";
    }
    if ((attributes & ~GmemInode.ATTRIBUTE_PRIVATE) != 0) {
      return "PRIVATE is the only attribute there is";
    }
    if (size == 0 || Long.compareUnsigned(offset + size, offset) < 0) {
      return "size is 0, or offset and size wrap";
    }
    if (((offset | size) & (PageLevel.PAGE_SIZE - 1)) != 0) {
      return "offset or size is not page aligned";
    }
    return Long.compareUnsigned(offset, inode.size()) >= 0
            || Long.compareUnsigned(offset + size, inode.size()) > 0
        ? "offset and size leave the file"
        : null;
  }

  void invalidateEnd(long start, long end) {
    if (!bound(start, end).isEmpty()) {
      owner.gmemInvalidateEnd();
    }
  }

  private List<Binding> bound(long start, long end) {
    List<Binding> hit = new ArrayList<>();
    Map.Entry<Long, Binding> e = bindings.floorEntry(start);
    long from = e != null && e.getKey() + e.getValue().npages() > start ? e.getKey() : start;
    if (from < end) {
      hit.addAll(bindings.subMap(from, end).values());
    }
    return hit;
  }

  @Override
  public long page(long index, int cpu) {
    return inode.page(index, cpu);
  }

  @Override
  public boolean servesShared() {
    return inode.has(GmemInode.FLAG_MMAP);
  }

  @Override
  public Errno checkBind(BindingOwner vm, long offset, long size) {
    if (vm != owner && vm != owner.identity()) {
      return vm.trace().refuse(Errno.EINVAL, "the guest_memfd belongs to another VM");
    }
    boolean aligned = offset >= 0 && (offset & (PageLevel.PAGE_SIZE - 1)) == 0;
    boolean wraps = offset + size < 0 && vm.takesRangesThatWrap();
    return aligned && (size <= inode.size() - offset || wraps)
        ? Errno.OK
        : vm.trace().refuse(Errno.EINVAL, "guest_memfd_offset and memory_size leave the file");
  }

  @Override
  public Errno bind(Binding slot) {
    inode.lock().lock();
    try {
      long start = slot.gmemPage();
      if (!bound(start, start + slot.npages()).isEmpty()) {
        return owner
            .trace()
            .refuse(
                owner.boundAlready(),
                () -> "guest_memfd page 0x%x or behind is bound to another slot".formatted(start));
      }
      bindings.put(start, slot);
      return Errno.OK;
    } finally {
      inode.lock().unlock();
    }
  }

  @Override
  public void rebind(Binding old, Binding now) {
    bindings.replace(old.gmemPage(), old, now);
  }

  @Override
  public void unbind(Binding slot) {
    inode.lock().lock();
    try {
      remove(slot);
    } finally {
      inode.lock().unlock();
    }
    slot.dropGmem();
  }

  /** Takes a binding away; the invalidate lock is held exclusive. */
  protected final void remove(Binding slot) {
    inode.lock().assertExclusive();
    Binding bound = bindings.get(slot.gmemPage());
    if (bound != null && bound.id() == slot.id() && bound.asId() == slot.asId()) {
      bindings.remove(slot.gmemPage());
    }
  }

  @Override
  public boolean isBound(Binding slot, long index) {
    Binding bound = bindings.get(slot.gmemPage());
    return bound != null && bound.id() == slot.id() && index < slot.gmemPage() + slot.npages();
  }

  @Override
  public List<Binding> bindings() {
    return List.copyOf(bindings.values());
  }

  boolean hasBindings() {
    return !bindings.isEmpty();
  }

  @Override
  public Errno mayMap(boolean shared) {
    return inode.mayMap(shared);
  }

  @Override
  public long userFault(long pageIndex) {
    return inode.userFault(pageIndex);
  }

  @Override
  public PolicyMap policies() {
    return inode.policies();
  }

  @Override
  public void mapped(AddressSpace space) {
    acquire();
    inode.mapped(space, this);
  }

  @Override
  public void unmapped(AddressSpace space) {
    space.later(() -> {
      inode.unmapped(space, this);
      release();
    });
  }

  /** madvise(MADV_REMOVE) is a hole like any other. */
  @Override
  public Errno punch(long offset, long length) {
    return inode.fallocate(PUNCH_HOLE_KEEP_SIZE, offset, length);
  }
}
