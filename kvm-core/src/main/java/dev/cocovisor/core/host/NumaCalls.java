package dev.cocovisor.core.host;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.mem.MemoryPolicy;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.mm.MappableFile;
import dev.cocovisor.core.mm.Vma;
import org.jspecify.annotations.Nullable;

/**
 * mbind and get_mempolicy.
 *
 * <p>A policy of a mapped file belongs to the file and is seen through every mapping of it, so that
 * a guest's fault on a guest_memfd obeys what the VMM said through its own mapping; one of
 * anonymous memory belongs to the addresses. Pages that exist stay where they are: moving them
 * (MPOL_MF_MOVE) is not modelled, as guest_memfd's cannot be moved. Sources: {@code
 * mm/mempolicy.c}, kernel_mbind, do_mbind, mpol_new and do_get_mempolicy; {@code
 * virt/kvm/guest_memfd.c}, kvm_gmem_set_policy and kvm_gmem_get_policy.
 */
final class NumaCalls {
  private static final int STATIC_NODES = 1 << 15;
  private static final int RELATIVE_NODES = 1 << 14;
  private static final int NUMA_BALANCING = 1 << 13;
  private static final int MF_STRICT = 1;
  private static final int MF_VALID = 7;
  private static final int F_NODE = 1;
  private static final int F_ADDR = 2;
  private static final int F_MEMS_ALLOWED = 4;

  private final PhysicalHost memory;
  private final AddressSpace space;

  NumaCalls(Kvm kvm, AddressSpace space) {
    this.memory = kvm.physicalMemory();
    this.space = space;
  }

  private long online() {
    int n = memory.nodes();
    return n >= 64 ? -1 : (1L << n) - 1;
  }

  /** The bits of a mask that a caller with {@code maxnode} shows the kernel. */
  private static long given(long mask, long maxnode) {
    long bits = maxnode - 1;
    return bits <= 0 ? 0 : bits >= 64 ? mask : mask & ((1L << bits) - 1);
  }

  Errno mbind(long addr, long len, int modeAndFlags, long mask, long maxnode, int flags) {
    int modeFlags = modeAndFlags & (STATIC_NODES | RELATIVE_NODES | NUMA_BALANCING);
    int mode = modeAndFlags & ~modeFlags;
    boolean both = (modeFlags & STATIC_NODES) != 0 && (modeFlags & RELATIVE_NODES) != 0;
    if (mode < 0 || mode > MemoryPolicy.WEIGHTED_INTERLEAVE || both) {
      return Errno.EINVAL;
    }
    if ((modeFlags & NUMA_BALANCING) != 0
        && mode != MemoryPolicy.BIND
        && mode != MemoryPolicy.PREFERRED_MANY) {
      return Errno.EINVAL;
    }
    long nodes = given(mask, maxnode);
    if ((flags & ~MF_VALID) != 0 || (addr & 4095) != 0) {
      return Errno.EINVAL;
    }
    long end = addr + ((len + 4095) & -4096L);
    if (Long.compareUnsigned(end, addr) < 0) {
      return Errno.EINVAL;
    }
    if (end == addr) {
      return Errno.OK;
    }
    if (!consistent(mode, modeFlags, nodes)) {
      return Errno.EINVAL;
    }
    long allowed = nodes & online();
    if (nodes != 0 && allowed == 0) {
      return Errno.EINVAL;
    }
    if (!space.checkMapped(addr, end - addr).ok()) {
      return Errno.EFAULT;
    }
    MemoryPolicy policy =
        mode == MemoryPolicy.DEFAULT ? null : new MemoryPolicy(mode | modeFlags, allowed);
    boolean misplaced =
        policy != null && (flags & MF_STRICT) != 0 && anyElsewhere(addr, end, policy);
    apply(addr, end, policy);
    return misplaced ? Errno.EIO : Errno.OK;
  }

  /** mpol_new: which modes go with a mask, which without. */
  private static boolean consistent(int mode, int modeFlags, long nodes) {
    return switch (mode) {
      case MemoryPolicy.DEFAULT -> nodes == 0;
      case MemoryPolicy.PREFERRED -> nodes != 0 || modeFlags == 0;
      case MemoryPolicy.LOCAL -> nodes == 0 && modeFlags == 0;
      default -> nodes != 0;
    };
  }

  private boolean anyElsewhere(long start, long end, MemoryPolicy policy) {
    for (long at = start; at < end; at += 4096) {
      long pte = space.peek(at);
      if (pte != 0 && !policy.allows(memory.nodeOf(AddressSpace.frameOf(pte)))) {
        return true;
      }
    }
    return false;
  }

  private void apply(long start, long end, @Nullable MemoryPolicy policy) {
    for (long at = start; at < end; ) {
      Vma v = space.find(at);
      if (v == null) {
        return;
      }
      long to = Math.min(end, v.end());
      MappableFile file = v.file();
      if (file != null) {
        long first = v.firstPage() + ((at - v.start()) >>> PageLevel.PAGE_SHIFT);
        file.policies().set(first, first + ((to - at) >>> PageLevel.PAGE_SHIFT), policy);
      } else {
        space.policies().set(at >>> PageLevel.PAGE_SHIFT, to >>> PageLevel.PAGE_SHIFT, policy);
      }
      at = to;
    }
  }

  long getMempolicy(long addr, long maxnode, int flags, MempolicyAnswer into) {
    into.set(MemoryPolicy.DEFAULT, 0);
    boolean asksMems = (flags & F_MEMS_ALLOWED) != 0;
    if ((flags & ~(F_NODE | F_ADDR | F_MEMS_ALLOWED)) != 0 || maxnode < memory.nodes()) {
      return -Errno.EINVAL.number();
    }
    if (asksMems) {
      into.set(MemoryPolicy.DEFAULT, online());
      return (flags & (F_NODE | F_ADDR)) != 0 ? -Errno.EINVAL.number() : 0;
    }
    if ((flags & F_ADDR) == 0) {
      // A process never has a policy of its own here.
      return addr != 0 || (flags & F_NODE) != 0 ? -Errno.EINVAL.number() : 0;
    }
    Vma v = space.find(addr);
    if (v == null) {
      return -Errno.EFAULT.number();
    }
    if ((flags & F_NODE) != 0) {
      long pte = space.fault(addr, false);
      if (pte < 0) {
        return -Errno.EFAULT.number();
      }
      into.set(memory.nodeOf(AddressSpace.frameOf(pte)), 0);
      return 0;
    }
    MappableFile file = v.file();
    MemoryPolicy policy =
        file != null
            ? file.policies().at(v.firstPage() + ((addr - v.start()) >>> PageLevel.PAGE_SHIFT))
            : space.policies().at(addr >>> PageLevel.PAGE_SHIFT);
    if (policy != null) {
      into.set(policy.mode(), policy.nodes());
    }
    return 0;
  }
}
