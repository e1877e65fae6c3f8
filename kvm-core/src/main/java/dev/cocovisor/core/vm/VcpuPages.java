package dev.cocovisor.core.vm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.slot.DirtyRing;
import org.jspecify.annotations.Nullable;

/**
 * The pages that a process maps of a vCPU's descriptor: struct kvm_run, on x86 the data of port
 * accesses, the VM's ring of coalesced MMIO, and from page 64 on the ring of dirty pages.
 *
 * <p>All but the last come with their first touch, and nothing is kept in them: how a run ended is
 * told by the run itself. Source: {@code virt/kvm/kvm_main.c} (7.3), kvm_vcpu_fault, kvm_vcpu_mmap.
 */
public final class VcpuPages {
  /** KVM_DIRTY_LOG_PAGE_OFFSET. */
  public static final long RING = 64;

  private final PhysicalHost memory;
  private final long[] own;
  private final boolean x86;
  private @Nullable DirtyRing ring;

  VcpuPages(Vm vm) {
    this.memory = vm.memory();
    this.x86 = vm.host().architecture().equals(Architecture.X86_64);
    this.own = new long[x86 ? 3 : 2];
    java.util.Arrays.fill(own, -1);
  }

  /** Makes the ring where the VM uses rings: ENOMEM where there is no memory for it. */
  Errno allocateRing(long bytes) {
    if (bytes != 0) {
      ring = DirtyRing.create(memory, bytes);
      return ring == null ? Errno.ENOMEM : Errno.OK;
    }
    return Errno.OK;
  }

  /** Returns the ring of dirty pages, null where the VM has bitmaps. */
  public @Nullable DirtyRing ring() {
    return ring;
  }

  /** Returns the frame behind a page of the file; -1 where a touch ends in SIGBUS. */
  public long frame(long page) {
    if (page < 0 || page >= own.length) {
      DirtyRing r = ring;
      return r == null ? -1 : r.frame(page - RING);
    }
    int i = (int) page;
    if (own[i] < 0) {
      own[i] = memory.allocate(0);
      if (own[i] >= 0) {
        memory.raw().zero(own[i], 1);
      }
    }
    return own[i];
  }

  /** Tells whether a mapping of these pages begins or ends in the ring. */
  public boolean touchesRing(long first, long pages) {
    return inRing(first) || inRing(first + pages - 1);
  }

  private boolean inRing(long page) {
    DirtyRing r = ring;
    return r != null && r.frame(page - RING) >= 0;
  }

  /** Gives everything back, with the vCPU. */
  void free() {
    for (long frame : own) {
      if (frame >= 0) {
        memory.free(frame, 0);
      }
    }
    if (ring != null) {
      ring.free();
    }
  }
}
