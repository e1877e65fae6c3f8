package dev.cocovisor.tdx.seamlog;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.tdx.module.pamt.PageType;
import dev.cocovisor.tdx.module.pamt.Pamt;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.sept.SeptTable;
import dev.cocovisor.tdx.module.td.Td;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Writes the model's state in the words of the log. */
final class StateView {
  private static final String NONE = "none";

  private StateView() {}

  static String hex(long v) {
    return "0x" + Long.toHexString(v);
  }

  /** What the log shows of an entry: nothing once no open path leads to it. */
  static String sept(@Nullable Td td, long gpa, int level) {
    SeptTable t = td == null ? null : td.root();
    while (t != null && t.level() > level) {
      int i = index(t, gpa);
      t = SeptState.of(t.get(i)) == SeptState.NL_MAPPED ? t.child(i) : null;
    }
    return t == null || t.level() != level ? NONE : entry(t, index(t, gpa));
  }

  private static int index(SeptTable t, long gpa) {
    return (int) (gpa >>> (12 + 9 * t.level())) & 511;
  }

  private static String entry(SeptTable t, int i) {
    long e = t.get(i);
    SeptState s = SeptState.of(e);
    if (s == SeptState.FREE) {
      return "{state=0x0}";
    }
    String text =
        "{state=" + hex(s.number()) + ", rwx=" + hex(e & 7) + ", hpa=" + hex(address(t, i));
    int accepted = accepted(t, i);
    return text + (accepted != 0 ? ", accepted=" + hex(accepted) : "") + "}";
  }

  private static long address(SeptTable t, int i) {
    long hpa = t.get(i) & 0x000ffffffffff000L;
    return SeptState.of(t.get(i)).leaf() ? hpa & -(4096L << (9 * t.level())) : hpa;
  }

  private static int accepted(SeptTable t, int i) {
    long e = t.get(i);
    return t.level() == 1 && SeptState.of(e).leaf() ? (int) (e >>> PageLevel.PAGE_SHIFT) & 511 : 0;
  }

  static String pamt(@Nullable Pamt p, long hpa) {
    if (p == null) {
      return "{type=0x0}";
    }
    int size = p.sizeOf(hpa);
    int type = p.type(size, hpa);
    if (type == PageType.NDA) {
      return "{type=0x0}";
    }
    return "{type="
        + hex(type)
        + ", size="
        + hex(size)
        + ", owner="
        + hex(p.owner(size, hpa))
        + ", bepoch="
        + hex(shownBepoch(p, size, hpa))
        + "}";
  }

  private static long shownBepoch(Pamt p, int size, long hpa) {
    int type = p.type(size, hpa);
    return type == PageType.REG || type == PageType.EPT ? p.bepoch(size, hpa) : 0;
  }

  static String td(@Nullable Td td) {
    return td == null ? NONE : "{" + tdFields(td) + "}";
  }

  private static String tdFields(Td td) {
    return "lifecycle="
        + hex(td.lifecycle())
        + ", op_state="
        + hex(td.opState())
        + ", epoch="
        + hex(td.epoch())
        + ", ref0="
        + hex(td.references(0))
        + ", ref1="
        + hex(td.references(1));
  }

  static String mrtd(@Nullable Td td) {
    byte[] digest = td == null ? null : td.mrtd();
    return digest == null ? NONE : HexFormat.of().formatHex(digest);
  }

  /** All lines that end a program. */
  static List<String> finalLines(RecordedMachine machine) {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < RecordedMachine.TDS; i++) {
      Td td = machine.td(i);
      if (td != null) {
        lines.add(
            "final_td(" + i + ") = {" + tdFields(td) + ", children=" + hex(td.children()) + "}");
        SeptTable root = td.root();
        if (root != null) {
          finalSept(lines, i, root, 0);
        }
      }
    }
    for (int size = 2; size >= 0; size--) {
      finalPamt(lines, machine.pamt, size);
    }
    return lines;
  }

  private static void finalSept(List<String> lines, int td, SeptTable t, long base) {
    long step = 4096L << (9 * t.level());
    int i = 0;
    while (i < 512) {
      SeptState s = SeptState.of(t.get(i));
      if (s == SeptState.FREE) {
        i++;
        continue;
      }
      int n = 1;
      boolean partial = accepted(t, i) != 0;
      while (s.leaf() && i + n < 512 && continues(t, i, n, step)) {
        partial |= accepted(t, i + n) != 0;
        n++;
      }
      long gpa = base + i * step;
      lines.add(
          "final_sept("
              + td
              + ", "
              + hex(gpa)
              + ", "
              + t.level()
              + ", n="
              + hex(n)
              + ") = {state="
              + hex(s.number())
              + ", hpa="
              + hex(address(t, i))
              + (partial ? ", partial" : "")
              + "}");
      SeptTable child = t.child(i);
      if (child != null) {
        finalSept(lines, td, child, gpa);
      }
      i += n;
    }
  }

  private static boolean continues(SeptTable t, int i, int n, long step) {
    return SeptState.of(t.get(i + n)) == SeptState.of(t.get(i))
        && address(t, i + n) == address(t, i) + n * step;
  }

  private static void finalPamt(List<String> lines, Pamt p, int size) {
    long step = 4096L << (9 * size);
    long hpa = p.base();
    while (hpa < p.end()) {
      if (size == 0 && (hpa & 0x1fffff) == 0 && p.used4k(hpa) == 0) {
        hpa += 0x200000;
        continue;
      }
      if (p.type(size, hpa) == PageType.NDA) {
        hpa += step;
        continue;
      }
      long n = 1;
      while (hpa + n * step < p.end() && same(p, size, hpa, hpa + n * step)) {
        n++;
      }
      lines.add(
          "final_pamt("
              + hex(hpa)
              + ", size="
              + size
              + ", n="
              + hex(n)
              + ") = {type="
              + hex(p.type(size, hpa))
              + ", owner="
              + hex(p.owner(size, hpa))
              + ", bepoch="
              + hex(shownBepoch(p, size, hpa))
              + "}");
      hpa += n * step;
    }
  }

  private static boolean same(Pamt p, int size, long a, long b) {
    return p.type(size, a) == p.type(size, b)
        && p.owner(size, a) == p.owner(size, b)
        && shownBepoch(p, size, a) == shownBepoch(p, size, b);
  }
}
