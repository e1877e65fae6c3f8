package dev.cocovisor.core.gmem;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.sched.RefCount;
import dev.cocovisor.core.mem.PhysicalHost;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The memory backing store of the 2022 fd-based series: a memfd no process can map, whose pages any
 * VM's slots may use.
 *
 * <p>Store and KVM call each other: KVM asks for pages, the store says when pages were allocated or
 * are about to go. Unlike guest_memfd the file belongs to no VM: a slot keeps the file, not the
 * file the VM. Two kinds: tmpfs-like, in 4 KiB pages; hugetlbfs-like, in 2 MiB pages, where an
 * allocation grows to whole pages and a hole shrinks to them ({@code fs/hugetlbfs/inode.c},
 * hugetlbfs_fallocate). Source: "KVM: mm: fd-based approach for supporting KVM guest private
 * memory" v7, 6 July 2022.
 */
public final class MemfileStore {
  private static final long HUGE = 2L << 20;

  private final PhysicalHost memory;
  private final long inodeNumber;
  private final boolean huge;
  private boolean autoAllocate;
  private GmemInode inode;
  private final List<View> views = new ArrayList<>();
  private final List<Callbacks> callbacks = new ArrayList<>();
  private final RefCount descriptors = new RefCount("memfd_inaccessible", 1);

  /** What the store tells whoever registered (memfile_notifier_ops). */
  public interface Callbacks {
    /** Pages were allocated by fallocate. Bytes, half-open. */
    default void populated(long start, long end) {}

    /** Pages went with a hole; every second stage gave them up before. Bytes, half-open. */
    default void invalidated(long start, long end) {}
  }

  /** Creates a file; {@code size} is a multiple of its page. */
  public MemfileStore(
      PhysicalHost memory, long inodeNumber, long size, boolean huge, boolean autoAllocate) {
    this.memory = memory;
    this.inodeNumber = inodeNumber;
    this.huge = huge;
    this.autoAllocate = autoAllocate;
    this.inode = new GmemInode(memory, inodeNumber, size, 0, huge ? 9 : 0, null);
    inode.hold();
  }

  /** ftruncate: gives an empty file its size, once; whole pages. EPERM afterwards. */
  public Errno truncate(long size) {
    if (inode.size() != 0) {
      return Errno.EPERM;
    }
    if ((size & ((huge ? HUGE : PageLevel.PAGE_SIZE) - 1)) != 0) {
      return Errno.EINVAL;
    }
    inode.letGo();
    inode = new GmemInode(memory, inodeNumber, size, 0, huge ? 9 : 0, null);
    inode.hold();
    views.clear();
    return Errno.OK;
  }

  /** F_SEAL_AUTO_ALLOCATE: from now on only fallocate makes pages. */
  public void sealAutoAllocate() {
    autoAllocate = false;
  }

  /** Registers callbacks (memfile_register_notifier). */
  public void register(Callbacks c) {
    callbacks.add(c);
  }

  /** Removes callbacks. */
  public void unregister(Callbacks c) {
    callbacks.remove(c);
  }

  /** Another descriptor of the file. */
  public void acquire() {
    descriptors.get();
  }

  /** A descriptor was closed; after the last one slots still keep the pages. */
  public void close() {
    if (descriptors.put()) {
      inode.letGo();
    }
  }

  /** Counts the pages present. */
  public long pages() {
    return inode.pages();
  }

  /** Returns the size in bytes. */
  public long size() {
    return inode.size();
  }

  /** Returns a VM's view, to bind slots to; one a VM. */
  public BackingStore viewFor(BindingOwner owner) {
    for (View v : views) {
      if (v.owner == owner) {
        return v;
      }
    }
    View v = new View(owner);
    views.add(v);
    return v;
  }

  /** fallocate, after the VFS's checks. */
  public Errno fallocate(int mode, long offset, long length) {
    boolean punch = (mode & 2) != 0;
    long start = offset;
    long end = offset + length;
    if (huge) {
      start = punch ? (start + HUGE - 1) & -HUGE : start & -HUGE;
      end = punch ? end & -HUGE : (end + HUGE - 1) & -HUGE;
      if (start >= end) {
        return Errno.OK;
      }
    }
    Errno r = inode.fallocate(mode | 1, start, end - start);
    if (r.ok()) {
      for (Callbacks c : List.copyOf(callbacks)) {
        if (punch) {
          c.invalidated(start, end);
        } else {
          c.populated(start, end);
        }
      }
    }
    return r;
  }

  private final class View extends InodeStore {
    final BindingOwner owner;
    private @Nullable GmemFile file;

    View(BindingOwner owner) {
      super(MemfileStore.this.inode);
      this.owner = owner;
    }

    private GmemFile open() {
      GmemFile f = file;
      if (f == null) {
        f = GmemFile.open(inode, owner, false);
        file = f;
      }
      return f;
    }

    @Override
    public boolean tryAcquire() {
      return inode.tryHold();
    }

    @Override
    public void release() {
      inode.letGo();
    }

    @Override
    public long page(long index, int cpu) {
      long have = inode.peek(index);
      if (have != 0) {
        return have;
      }
      // With F_SEAL_AUTO_ALLOCATE only fallocate makes pages; KVM finds none.
      return autoAllocate ? inode.page(index, cpu) : -Errno.ENOENT.number();
    }

    @Override
    public boolean servesShared() {
      return false;
    }

    @Override
    public Errno checkBind(BindingOwner vm, long offset, long size) {
      boolean fits =
          offset >= 0 && (offset & (huge ? HUGE - 1 : 4095)) == 0 && size <= inode.size() - offset;
      return vm == owner && fits ? Errno.OK : Errno.EINVAL;
    }

    @Override
    public Errno bind(Binding slot) {
      return open().bind(slot);
    }

    @Override
    public void rebind(Binding old, Binding now) {
      open().rebind(old, now);
    }

    @Override
    public void unbind(Binding slot) {
      GmemFile f = open();
      f.unbind(slot);
      if (!f.hasBindings()) {
        file = null;
        inode.lock().lock();
        inode.closed(f);
        inode.lock().unlock();
      }
    }

    @Override
    public List<Binding> bindings() {
      return open().bindings();
    }

    @Override
    public boolean isBound(Binding slot, long index) {
      return open().isBound(slot, index);
    }
  }
}
