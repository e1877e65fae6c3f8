package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.tdx.module.td.CpuidConfig;
import dev.cocovisor.tdx.module.td.CpuidFieldId;
import java.util.ArrayList;
import java.util.List;

/**
 * KVM_TDX_GET_CPUID: what a TD finds in CPUID, asked of the module leaf by leaf.
 *
 * <p>Each leaf is read without a sub-leaf first; if the module knows it with sub-leaves only, they
 * are read from 0 until one cannot be. A leaf that cannot be read at all is left out, but for the
 * first of the two ranges, without which the command is EIO. Source: Linux 7.3, {@code
 * arch/x86/kvm/vmx/tdx.c}, tdx_vcpu_get_cpuid, tdx_vcpu_get_cpuid_leaf, tdx_read_cpuid.
 */
final class GuestCpuid {
  private static final int MAX_ENTRIES = 256;
  private static final int MAX_SUBLEAF = 0x7f;
  private static final long EXTENDED = 0x80000000L;
  private static final long ADDRESSES = 0x80000008L;

  /** Bits 30:7 of a leaf: no field names it. */
  private static final long UNREADABLE = 0x7fffff80L;

  private static final long GUEST_WIDTH = 0xff0000;
  private static final long SIGNIFICANT_INDEX = 1;

  private final TdxVm td;
  private final List<Object> entries = new ArrayList<>();
  private final long[] value = new long[1];

  GuestCpuid(TdxVm td) {
    this.td = td;
  }

  /** Reads everything; EIO where a range cannot be read. */
  Errno read() {
    Errno r = range(0);
    return r.ok() ? range(EXTENDED) : r;
  }

  /** Returns what was read, one entry for each leaf or sub-leaf. */
  List<Object> entries() {
    return entries;
  }

  private Errno range(long first) {
    int before = entries.size();
    leaf(first);
    if (entries.size() == before) {
      return td.refuse(Errno.EIO, "the module tells nothing of the range of CPUID leaves");
    }
    long last = ((Fields) entries.getLast()).number("eax");
    for (long leaf = first + 1; leaf <= last; leaf++) {
      leaf(leaf);
    }
    return Errno.OK;
  }

  private void leaf(long leaf) {
    if ((leaf & UNREADABLE) != 0 || entry(leaf, CpuidConfig.NO_SUBLEAF)) {
      return;
    }
    int subleaf = 0;
    while (subleaf <= MAX_SUBLEAF && entry(leaf, subleaf)) {
      subleaf++;
    }
  }

  /** Reads both halves of a leaf; tells whether they could be. */
  private boolean entry(long leaf, long subleaf) {
    if (entries.size() >= MAX_ENTRIES
        || td.seam().metadata(td.tdr, CpuidFieldId.of(leaf, subleaf, 0), value) != 0) {
      return false;
    }
    long low = value[0];
    if (td.seam().metadata(td.tdr, CpuidFieldId.of(leaf, subleaf, 1), value) != 0) {
      return false;
    }
    boolean none = subleaf == CpuidConfig.NO_SUBLEAF;
    long eax = low & 0xffff_ffffL;
    if (leaf == ADDRESSES) {
      eax = (eax & ~GUEST_WIDTH) | (long) td.platform().width() << 16;
    }
    entries.add(
        new Fields()
            .put("function", leaf)
            .put("index", none ? 0 : subleaf)
            .put("flags", none ? 0 : SIGNIFICANT_INDEX)
            .put("eax", eax)
            .put("ebx", low >>> 32)
            .put("ecx", value[0] & 0xffff_ffffL)
            .put("edx", value[0] >>> 32));
    return true;
  }
}
