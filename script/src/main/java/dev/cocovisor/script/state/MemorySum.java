package dev.cocovisor.script.state;

import dev.cocovisor.api.view.EntryKind;
import dev.cocovisor.api.view.Mark;
import dev.cocovisor.api.view.Span;
import dev.cocovisor.api.view.Strip;
import dev.cocovisor.api.view.Strip.Role;
import dev.cocovisor.core.mem.PhysicalHost;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The guest's memory as the sum of a VM's tables: of each page that a slot has, which side it is
 * on, how large it is mapped, who has its frame, and what else is to be said.
 */
final class MemorySum {
  private final String vm;
  private final List<Strip> own;
  private final SortedSet<Long> dirty;
  private final PhysicalHost memory;
  private final NavigableMap<Long, Long> measured;

  MemorySum(
      String vm, List<Strip> own, SortedSet<Long> dirty, PhysicalHost memory, Measured measured) {
    this.vm = vm;
    this.own = own;
    this.dirty = dirty;
    this.memory = memory;
    this.measured = measured.of(vm);
  }

  Strip strip() {
    var out = new SpanList();
    for (Strip s : own) {
      if (s.role() == Role.SLOTS) {
        s.spans().forEach(slot -> slot(slot, out));
      }
    }
    return new Strip(vm, Role.MEMORY, "guest memory", out.take());
  }

  private void slot(Span slot, SpanList out) {
    var cuts = new TreeSet<Long>();
    cuts.add(slot.first());
    for (Strip s : own) {
      if (s.role() != Role.SLOTS) {
        cut(s.spans(), slot, cuts);
      }
    }
    for (long gfn : dirty.subSet(slot.first(), slot.end())) {
      cuts.add(gfn);
      cuts.add(gfn + 1);
    }
    measured.forEach((from, to) -> {
      cuts.add(from);
      cuts.add(to);
    });
    var inside = new ArrayList<>(cuts.subSet(slot.first(), slot.end()));
    for (int i = 0; i < inside.size(); i++) {
      long end = i + 1 < inside.size() ? inside.get(i + 1) : slot.end();
      out.add(piece(inside.get(i), end));
    }
  }

  private static void cut(List<Span> spans, Span slot, Set<Long> cuts) {
    for (Span s : spans) {
      if (s.end() > slot.first() && s.first() < slot.end()) {
        cuts.add(s.first());
        cuts.add(s.end());
      }
    }
  }

  private @Nullable Span find(Role role, long gfn) {
    for (Strip s : own) {
      Span found = s.role() == role ? SpanList.at(s.spans(), gfn) : null;
      if (found != null) {
        return found;
      }
    }
    return null;
  }

  private Span piece(long gfn, long end) {
    Span side = find(Role.ATTRIBUTES, gfn);
    Span external = find(Role.EXTERNAL, gfn);
    Span mirror = find(Role.MIRROR, gfn);
    Span stage = find(Role.STAGE, gfn);
    Span backing = find(Role.BACKING, gfn);
    Span owner = find(Role.OWNER, gfn);
    Set<Mark> marks = EnumSet.noneOf(Mark.class);
    Span trusted = external != null ? external : owner;
    if (trusted != null) {
      mark(trusted.kind(), marks);
    }
    Map.Entry<Long, Long> m = measured.floorEntry(gfn);
    if (m != null && gfn < m.getValue()) {
      marks.add(Mark.MEASURED);
    }
    if (dirty.contains(gfn)) {
      marks.add(Mark.DIRTY);
    }
    if (find(Role.CACHE, gfn) != null) {
      marks.add(Mark.CACHED);
    }
    Span mapped = mirror != null ? mirror : stage != null ? stage : live(external);
    if (mapped != null) {
      marks.add(Mark.MAPPED);
    }
    Span frame = mapped != null ? mapped : backing;
    long pfn = frame == null || frame.leadsTo() < 0 ? -1 : frame.leadsTo() + gfn - frame.first();
    if (pfn >= 0 && memory.isPinned(pfn, pfn + end - gfn)) {
      marks.add(Mark.PINNED);
    }
    EntryKind kind = kind(side, mapped, trusted);
    return new Span(
        gfn,
        end - gfn,
        mapped == null ? 0 : mapped.order(),
        pfn,
        kind,
        words(kind, mapped, frame, owner),
        marks);
  }

  private static @Nullable Span live(@Nullable Span external) {
    return external == null || external.leadsTo() < 0 ? null : external;
  }

  private static void mark(EntryKind kind, Set<Mark> marks) {
    switch (kind) {
      case PRIVATE -> marks.add(Mark.ACCEPTED);
      case PENDING -> marks.add(Mark.PENDING);
      case BLOCKED -> marks.add(Mark.BLOCKED);
      default -> {}
    }
  }

  /** The side by KVM's attribute where there is one, else by what maps the page. */
  private static EntryKind kind(
      @Nullable Span side, @Nullable Span mapped, @Nullable Span trusted) {
    if (side != null) {
      return side.kind();
    }
    if (trusted != null && (trusted.kind() == EntryKind.LOST || mapped == null)) {
      return trusted.kind();
    }
    return mapped == null ? EntryKind.EMPTY : mapped.kind();
  }

  private static String words(
      EntryKind kind, @Nullable Span mapped, @Nullable Span frame, @Nullable Span owner) {
    String where = mapped != null ? "mapped" : frame != null ? "has a frame" : "nothing there";
    String side =
        kind == EntryKind.EMPTY ? "" : kind.name().toLowerCase(java.util.Locale.ROOT) + ", ";
    return side + where + (owner == null ? "" : ", frame: " + owner.state());
  }
}
