package dev.cocovisor.script.lift;

import dev.cocovisor.api.Fields;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.scenario.Step;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * One VM of the log. Until its guest first runs, only what its memory is like counts; then it is
 * launched so, and what changes from there on are steps.
 *
 * <p>A place in the scenario is an offset from the lowest address of the VM's memory at its launch.
 */
final class LiftedVm {
  private static final long PRIVATE = 8;
  private static final long PAGE = 4096;

  /**
   * A slot.
   *
   * @param hva where it lies in the VMM
   * @param file the descriptor of its guest_memfd, -1 if none
   * @param offset where in that file it begins
   */
  private record Slot(long gpa, long size, long hva, long file, long offset) {
    long end() {
      return gpa + size;
    }
  }

  private int number;
  private final Map<Long, Slot> slots = new HashMap<>();
  private final List<Integer> vcpus = new ArrayList<>();

  /** Pages that are private, as ranges of frames; true where private. */
  private final TreeMap<Long, Boolean> attributes = new TreeMap<>();

  private boolean hasAttributes;
  private boolean launched;
  private long base;

  /** A conversion that the guest asked for and whose ioctl by the VMM has not come yet. */
  private long @Nullable [] asked;

  LiftedVm() {
    attributes.put(0L, false);
  }

  /** A vCPU was created; returns its place. */
  int vcpu(long id) {
    vcpus.add((int) id);
    return vcpus.size() - 1;
  }

  boolean isLaunched() {
    return launched;
  }

  /**
   * Adds the steps that launch the VM as it is now; none if it has no memory or no vCPU.
   *
   * @param place how many VMs the scenario has with it
   */
  void launch(int place, List<Step> to) {
    if (launched || vcpus.isEmpty()) {
      return;
    }
    List<Slot> all = new ArrayList<>(slots.values());
    all.sort((a, b) -> Long.compareUnsigned(a.gpa, b.gpa));
    if (all.isEmpty()) {
      return;
    }
    launched = true;
    number = place;
    base = all.getFirst().gpa;
    to.add(new Step.Launch(all.getFirst().size, vcpus.size(), false, 0, new Fields()));
    to.add(new Step.FinalizeLaunch(number));
    for (Slot s : all.subList(1, all.size())) {
      to.add(new Step.Plug(number, s.gpa - base, s.size, false));
    }
  }

  void region(KvmCall.SetRegion r, List<Step> to) {
    long name = r.slot();
    Slot before = slots.get(name);
    if (r.memorySize() == 0) {
      slots.remove(name);
      if (launched && before != null) {
        to.add(new Step.Unplug(number, before.gpa - base));
      }
      return;
    }
    boolean hasFile = (r.flags() & 4) != 0;
    var now =
        new Slot(
            r.guestPhysAddr(),
            r.memorySize(),
            r.userspaceAddr(),
            hasFile ? r.guestMemfd() : -1,
            r.guestMemfdOffset());
    slots.put(name, now);
    if (!launched) {
      return;
    }
    if (before == null) {
      to.add(new Step.Plug(number, now.gpa - base, now.size, false));
    } else if (before.gpa != now.gpa) {
      to.add(new Step.Move(number, before.gpa - base, now.gpa - base));
    }
  }

  /** The guest asked for a conversion by hypercall. */
  void asked(long gpa, long pages, boolean toPrivate, int vcpu, List<Step> to) {
    if (launched && pages > 0) {
      asked = new long[] {gpa, pages * PAGE};
      to.add(new Step.Convert(number, vcpu, gpa - base, pages * PAGE, toPrivate, false));
    }
  }

  void attributes(KvmCall.SetAttributes a, List<Step> to) {
    boolean toPrivate = (a.attributes() & PRIVATE) != 0;
    hasAttributes = true;
    set(a.address() / PAGE, (a.address() + a.size()) / PAGE, toPrivate);
    long[] wish = asked;
    asked = null;
    boolean answered = wish != null && wish[0] == a.address() && wish[1] == a.size();
    if (launched && !answered) {
      to.add(new Step.Convert(number, 0, a.address() - base, a.size(), toPrivate, true));
    }
  }

  private void set(long from, long to, boolean value) {
    boolean behind = attributes.floorEntry(to).getValue();
    attributes.subMap(from, to).clear();
    attributes.put(from, value);
    attributes.put(to, behind);
  }

  /** A VM that never had attributes has, on every technology, nothing but private memory. */
  private boolean isShared(long gpa) {
    return hasAttributes && !attributes.floorEntry(gpa / PAGE).getValue();
  }

  /** A hole was punched into a file. */
  void punched(long file, long offset, long size, List<Step> to) {
    for (Slot s : slots.values()) {
      if (s.file == file) {
        piece(s.gpa, offset - s.offset, size, s.size, to);
      }
    }
  }

  /** Memory of the VMM was given back. */
  void discarded(long hva, long size, List<Step> to) {
    for (Slot s : slots.values()) {
      if (s.hva != 0 && s.file < 0) {
        piece(s.gpa, hva - s.hva, size, s.size, to);
      }
    }
  }

  /** Adds a discard of what lies in a slot of a range that begins at an offset of it. */
  private void piece(long gpa, long from, long size, long slotSize, List<Step> to) {
    long start = Math.max(from, 0);
    long end = Math.min(from + size, slotSize);
    if (launched && start < end) {
      to.add(new Step.Punch(number, gpa + start - base, end - start));
    }
  }

  void prefaulted(int vcpu, KvmCall.PreFault p, List<Step> to) {
    if (launched && p.size() > 0) {
      to.add(new Step.Prefault(number, vcpu, p.gpa() - base, p.size()));
    }
  }

  /** The guest touched a byte; what is no memory is the VMM's business. */
  void touched(int vcpu, long gpa, boolean write, @Nullable Boolean isPrivate, List<Step> to) {
    boolean memory = slots.values().stream().anyMatch(s -> gpa >= s.gpa && gpa < s.end());
    if (!launched || !memory) {
      return;
    }
    boolean shared = isPrivate == null ? isShared(gpa) : !isPrivate;
    to.add(
        write
            ? new Step.Write(number, vcpu, gpa - base, 1, shared)
            : new Step.Read(number, vcpu, gpa - base, shared));
  }

  void closed(List<Step> to) {
    if (launched) {
      to.add(new Step.Teardown(number, false));
    }
  }
}
