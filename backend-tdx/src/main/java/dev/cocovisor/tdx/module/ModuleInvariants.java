package dev.cocovisor.tdx.module;

import dev.cocovisor.tdx.module.pamt.PageType;
import dev.cocovisor.tdx.module.pamt.Pamt;
import dev.cocovisor.tdx.module.sept.SeptEntry;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.sept.SeptTable;
import dev.cocovisor.tdx.module.td.Td;
import java.util.function.Consumer;

/**
 * What must hold of a TD between any two calls: entries, PAMT and child count agree.
 *
 * <p>Every table and page an entry links is the TD's in the PAMT, at the right type and size, and
 * nothing is linked twice at 2 MiB and 4 KiB; the child count is at least the pages so found.
 */
public final class ModuleInvariants {
  private final TdxModule module;
  private final Td td;
  private final Consumer<String> violation;
  private long pages;

  private ModuleInvariants(TdxModule module, Td td, Consumer<String> violation) {
    this.module = module;
    this.td = td;
    this.violation = violation;
  }

  /** Checks the TD at {@code tdr}, if there is one. */
  public static void check(TdxModule module, long tdr, Consumer<String> violation) {
    Td td = module.td(tdr);
    if (td == null || td.root() == null || td.lifecycle() != Td.KEYS_CONFIGURED) {
      return;
    }
    ModuleInvariants run = new ModuleInvariants(module, td, violation);
    run.table(td.rootTable(), 0);
    long control = td.tdcxPages;
    if (td.children() < run.pages + control) {
      violation.accept(
          "TD "
              + Long.toHexString(tdr)
              + " counts "
              + td.children()
              + " children and has at least "
              + (run.pages + control));
    }
  }

  private void table(SeptTable t, long base) {
    for (int i = 0; i < 512; i++) {
      long e = t.get(i);
      SeptState s = SeptState.of(e);
      long gpa = base + ((long) i << (12 + 9 * t.level()));
      if (s == SeptState.FREE || s == SeptState.REMOVED) {
        if (t.child(i) != null) {
          complain(gpa, t.level(), "a free entry has a table");
        }
        continue;
      }
      if (SeptEntry.rwx(e) != s.rwx()) {
        complain(gpa, t.level(), "permissions " + SeptEntry.rwx(e) + " in state " + s);
      }
      long hpa = SeptEntry.hpa(e, t.level());
      if (s.leaf()) {
        owned(gpa, t.level(), hpa, t.level(), PageType.REG);
        pages += 1L << (9 * t.level());
      } else {
        owned(gpa, t.level(), hpa, 0, PageType.EPT);
        pages++;
        SeptTable child = t.child(i);
        if (child == null || child.hpa() != hpa || child.level() != t.level() - 1) {
          complain(gpa, t.level(), "the table behind the entry is another");
        } else {
          table(child, gpa);
        }
      }
    }
  }

  private void owned(long gpa, int level, long hpa, int size, int type) {
    Pamt p = module.pamt(hpa);
    if (p == null || p.type(size, hpa) != type || p.owner(size, hpa) != td.tdr()) {
      complain(gpa, level, "PAMT of " + Long.toHexString(hpa) + " does not say so");
      return;
    }
    if (p.sizeOf(hpa) != size) {
      complain(gpa, level, "PAMT of " + Long.toHexString(hpa) + " has a larger page");
    }
    if (size == 1 && p.used4k(hpa) != 0) {
      complain(gpa, level, "a 2 MiB page has 4 KiB pages in use");
    }
  }

  private void complain(long gpa, int level, String what) {
    violation.accept(
        "TD "
            + Long.toHexString(td.tdr())
            + " gpa 0x"
            + Long.toHexString(gpa)
            + " level "
            + level
            + ": "
            + what);
  }
}
