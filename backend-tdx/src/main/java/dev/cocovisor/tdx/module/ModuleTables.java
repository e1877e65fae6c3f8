package dev.cocovisor.tdx.module;

import dev.cocovisor.api.view.EntryKind;
import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.tdx.module.pamt.PageType;
import dev.cocovisor.tdx.module.sept.SeptEntry;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.sept.SeptTable;
import dev.cocovisor.tdx.module.td.Td;

/** Shows what the module keeps: the PAMT by frame, a TD's Secure-EPT by gfn. */
public final class ModuleTables {
  private ModuleTables() {}

  /** Shows every PAMT entry in use. */
  public static void frames(TdxModule module, TableSink into) {
    TableSink.Entries pamt = into.table("PAMT");
    module.forEachPamt(p ->
        p.forEachUsed((size, hpa, type, owner) -> {
          Td td = module.td(owner);
          pamt.entry(
              hpa >>> 12,
              9 * size,
              TableSink.NOWHERE,
              type == PageType.REG ? EntryKind.PRIVATE : EntryKind.CONTROL,
              PageType.name(type) + (td == null ? "" : ", HKID " + td.hkid()));
        }));
  }

  /** Shows the leaves of a TD's Secure-EPT; an empty table where there is no TD yet. */
  public static void guest(TdxModule module, long tdr, TableSink into) {
    TableSink.Entries sept = into.table("S-EPT");
    Td td = tdr == 0 ? null : module.td(tdr);
    if (td != null && td.root() != null) {
      table(td.rootTable(), 0, sept);
    }
  }

  private static void table(SeptTable t, long base, TableSink.Entries into) {
    int order = 9 * t.level();
    for (int i = 0; i < 512; i++) {
      long e = t.get(i);
      SeptState s = SeptState.of(e);
      long gfn = base + ((long) i << order);
      SeptTable child = t.child(i);
      if (s.leaf()) {
        into.entry(gfn, order, SeptEntry.hpa(e, t.level()) >>> 12, kind(s), s.name());
      } else if (child != null) {
        table(child, gfn, into);
      }
    }
  }

  private static EntryKind kind(SeptState s) {
    return s.blocked() ? EntryKind.BLOCKED : s.pending() ? EntryKind.PENDING : EntryKind.PRIVATE;
  }
}
