package com.example.cove.tsm;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.sched.ModelLock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the TSM keeps of one TVM. Everything but the walk of the G-stage table is under {@link
 * #lock}: exclusive for changes, shared for a look.
 */
final class Tvm {
  /** The vCPUs a TVM can have: {@code tsm_info.tvm_max_vcpus}. */
  static final int MAX_VCPUS = 512;

  final long gid;
  final ModelLock lock;
  final GStage table;
  final GpaRegions regions = new GpaRegions();
  final Measurement measurement = new Measurement();

  /** Frames that are the TSM's for this TVM, page tables in use included. */
  final List<Long> ownFrames = new ArrayList<>();

  private final ArrayDeque<Long> pool = new ArrayDeque<>();
  private final Map<Long, TvmVcpu> vcpus = new HashMap<>();
  private boolean runnable;
  private long version = 1;

  /** The pool of donated pages as the table uses it. */
  final GStage.Pool pages =
      new GStage.Pool() {
        @Override
        public long take() {
          Long page = pool.poll();
          return page == null ? -1 : page;
        }

        @Override
        public void give(long address) {
          pool.add(address);
        }
      };

  Tvm(long gid, PhysicalMemory memory, long directory) {
    this.gid = gid;
    this.lock = new ModelLock("TVM " + gid);
    this.table = new GStage(memory, directory);
  }

  boolean isRunnable() {
    return runnable;
  }

  void makeRunnable() {
    runnable = true;
  }

  void donate(long address) {
    pool.add(address);
  }

  int poolSize() {
    return pool.size();
  }

  @Nullable TvmVcpu vcpu(long id) {
    return vcpus.get(id);
  }

  void add(long id) {
    vcpus.put(id, new TvmVcpu());
  }

  long version() {
    return version;
  }

  /** Begins a fence. */
  void fence() {
    version++;
  }

  /** Tells whether some vCPU has run without a trap since before the last fence. */
  boolean fencePending() {
    for (TvmVcpu v : vcpus.values()) {
      long since = v.entered;
      if (since != TvmVcpu.OUT && since < version) {
        return true;
      }
    }
    return false;
  }

  boolean anyRunning() {
    return vcpus.values().stream().anyMatch(v -> v.entered != TvmVcpu.OUT);
  }

  /** Tells whether an invalidated leaf can be in no TLB any more: INVALIDATED, not INVALIDATING. */
  boolean fenced(long leaf) {
    return !table.invalidatedAt(leaf, version) && !fencePending();
  }
}
