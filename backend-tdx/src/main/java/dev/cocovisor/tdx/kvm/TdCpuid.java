package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Fields;
import dev.cocovisor.tdx.module.td.CpuidConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The CPUID entries of KVM_TDX_INIT_VM and KVM_TDX_CAPABILITIES.
 *
 * <p>KVM goes over the leaves that the module lets be configured, takes for each the first entry
 * that stands for it, and refuses the command unless it took exactly as many as there are. An entry
 * without KVM_CPUID_FLAG_SIGNIFCANT_INDEX stands for every sub-leaf of its function.
 *
 * <p>Source: Linux 7.3, {@code arch/x86/kvm/vmx/tdx.c}, setup_tdparams_cpuids,
 * td_init_cpuid_entry2, tdx_unsupported_cpuid; {@code arch/x86/kvm/cpuid.c}, kvm_find_cpuid_entry2.
 */
final class TdCpuid {
  /** The one flag, by its name as the uAPI spells it, and its bit. */
  private static final String SIGNIFICANT_INDEX = "KVM_CPUID_FLAG_SIGNIFCANT_INDEX";

  private static final long SIGNIFICANT_INDEX_BIT = 1;
  private static final long FEATURES = 7;
  private static final long ADDRESSES = 0x80000008L;

  /** EAX 23:16 of leaf 0x80000008: the guest's address width, which is KVM's own to tell. */
  private static final long GUEST_WIDTH = 0xff0000;

  /** Leaf 1, ECX. */
  private static final long X2APIC = 1L << 21;

  private static final long TSX = 1L << 4 | 1L << 11;
  private static final long WAITPKG = 1L << 5;
  private static final String[] REGISTERS = {"eax", "ebx", "ecx", "edx"};

  private TdCpuid() {}

  /** Returns the first entry that stands for a leaf, as kvm_find_cpuid_entry2 does. */
  static @Nullable Fields find(List<Object> entries, long function, long index) {
    for (Object o : entries) {
      if (o instanceof Fields e && standsFor(e, function, index)) {
        return e;
      }
    }
    return null;
  }

  private static boolean standsFor(Fields e, long function, long index) {
    return e.number("function", -1) == function
        && (!indexIsSignificant(e) || e.number("index", 0) == index);
  }

  private static boolean indexIsSignificant(Fields e) {
    return e.text("flags", "0").equals(SIGNIFICANT_INDEX)
        || (e.number("flags", 0) & SIGNIFICANT_INDEX_BIT) != 0;
  }

  /**
   * Tells whether a vCPU can have its APIC in X2APIC mode once KVM_SET_CPUID2 was given this; where
   * a log leaves entries out, it can.
   */
  static boolean hasX2apic(Fields in) {
    if (!(in.asMap().get("entries") instanceof List<?> given)) {
      return true;
    }
    List<Object> entries = List.copyOf(given);
    boolean whole =
        entries.stream().allMatch(Fields.class::isInstance)
            && entries.size() >= in.number("nent", entries.size());
    Fields e = find(entries, 1, 0);
    return e == null ? !whole : (e.number("ecx", 0) & X2APIC) != 0;
  }

  private static @Nullable Fields find(List<Object> entries, int row) {
    return find(entries, CpuidConfig.leaf(row), index(row));
  }

  private static long index(int row) {
    long subleaf = CpuidConfig.subleaf(row);
    return subleaf == CpuidConfig.NO_SUBLEAF ? 0 : subleaf;
  }

  /** Says why the entries cannot be had, or null. */
  static @Nullable String check(List<Object> entries) {
    int taken = 0;
    for (int row = 0; row < CpuidConfig.COUNT; row++) {
      Fields e = find(entries, row);
      if (e == null) {
        continue;
      }
      if (features(e) && (e.number("ebx", 0) & TSX) != 0) {
        return "a TD of KVM has no TSX";
      }
      if (features(e) && (e.number("ecx", 0) & WAITPKG) != 0) {
        return "a TD of KVM has no WAITPKG";
      }
      taken++;
    }
    return taken == entries.size() ? null : misfit(entries, taken);
  }

  private static boolean features(Fields e) {
    return e.number("function", -1) == FEATURES && e.number("index", 0) == 0;
  }

  private static String misfit(List<Object> entries, int taken) {
    for (Object o : entries) {
      if (!(o instanceof Fields e)) {
        return "a CPUID entry without fields";
      }
      if (!isTaken(entries, e)) {
        return String.format(
            Locale.ROOT,
            "CPUID 0x%x.%d is no leaf of the module's, or given twice: KVM_TDX_CAPABILITIES lists"
                + " them",
            e.number("function", -1),
            e.number("index", 0));
      }
    }
    return entries.size()
        + " CPUID entries stand for "
        + taken
        + " leaves: one with sub-leaves needs KVM_CPUID_FLAG_SIGNIFCANT_INDEX";
  }

  private static boolean isTaken(List<Object> entries, Fields e) {
    for (int row = 0; row < CpuidConfig.COUNT; row++) {
      if (find(entries, row) == e) {
        return true;
      }
    }
    return false;
  }

  /** Writes what the entries say into TD_PARAMS. */
  static void put(List<Object> entries, byte[] params) {
    for (int row = 0; row < CpuidConfig.COUNT; row++) {
      Fields e = find(entries, row);
      if (e != null) {
        long[] values = new long[REGISTERS.length];
        for (int r = 0; r < values.length; r++) {
          values[r] = e.number(REGISTERS[r], 0);
        }
        if (CpuidConfig.leaf(row) == ADDRESSES) {
          values[0] &= ~GUEST_WIDTH;
        }
        CpuidConfig.put(params, row, values);
      }
    }
  }

  /** Returns what KVM_TDX_CAPABILITIES tells of the leaves. */
  static List<Object> capabilities() {
    List<Object> out = new ArrayList<>();
    for (int row = 0; row < CpuidConfig.COUNT; row++) {
      Fields e = new Fields().put("function", CpuidConfig.leaf(row)).put("index", index(row));
      for (int r = 0; r < REGISTERS.length; r++) {
        long bits = CpuidConfig.direct(row, r);
        boolean width = CpuidConfig.leaf(row) == ADDRESSES && r == 0;
        e.put(REGISTERS[r], width ? bits | GUEST_WIDTH : bits);
      }
      out.add(e);
    }
    return out;
  }
}
