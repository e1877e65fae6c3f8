package dev.cocovisor.pkvm.hyp;

import dev.cocovisor.api.sched.ModelLock;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * EL2's own state of a VM.
 *
 * <p>The guest's stage 2 is under {@link #lock}; the vCPU array and {@link #dying} are under {@code
 * vm_table_lock}. Users are counted in the reference count of the page the structure lies in.
 */
final class HypVm implements HypPageTable.TableMemory {
  /** Pages donated for this structure. */
  static final int VM_PAGES = 1;

  final HostVm host;
  final int handle;
  final boolean isProtected;
  final long pfn;
  final long pgdPfn;
  final @Nullable HypVcpu[] vcpus;
  final Stage2Geometry geometry;
  final HypPageTable stage2;
  final ModelLock lock;
  boolean dying;

  /** Table pages in use, and given back but kept ({@code vm->pool}). */
  final Memcache tables = new Memcache();

  final Memcache pool = new Memcache();

  /** The vCPU whose cache tables are taken from while a fault is served. */
  @Nullable HypVcpu refill;

  HypVm(HostVm host, Stage2Geometry geometry, long pfn, long pgdPfn) {
    this.geometry = geometry;
    this.stage2 = new HypPageTable(geometry.startLevel(), geometry.addressBits(), this);
    this.host = host;
    this.handle = host.handle();
    this.isProtected = host.isProtected();
    this.pfn = pfn;
    this.pgdPfn = pgdPfn;
    this.vcpus = new @Nullable HypVcpu[host.createdVcpus()];
    this.lock = new ModelLock("vm 0x" + Integer.toHexString(handle) + " lock");
  }

  @Override
  public boolean take() {
    // guest_s2_zalloc_page: the VM's pool first, then the memcache of the vCPU being served.
    long page = pool.pop();
    HypVcpu v = refill;
    if (page == Memcache.EMPTY && v != null) {
      page = v.memcache.pop();
    }
    if (page == Memcache.EMPTY) {
      return false;
    }
    tables.push(page);
    return true;
  }

  @Override
  public void give() {
    pool.push(tables.pop());
  }

  /**
   * Names the pages that the host gave for this VM: structures, tables, and those kept for more.
   */
  void forEachOwnPage(LongConsumer each) {
    for (int i = 0; i < VM_PAGES; i++) {
      each.accept(pfn + i);
    }
    for (int i = 0; i < geometry.rootPages(); i++) {
      each.accept(pgdPfn + i);
    }
    tables.forEach(each);
    pool.forEach(each);
    for (HypVcpu v : vcpus) {
      if (v != null) {
        each.accept(v.pfn);
        v.memcache.forEach(each);
      }
    }
  }

  /** Returns how many pages a vCPU's cache must hold before a mapping is tried. */
  int minCachePages() {
    return geometry.minCachePages();
  }
}
