package dev.cocovisor.script.scenario;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the host kernel sees of a guest's private page through its direct map.
 *
 * <p>A page is the frame that holds it now: the guest_memfd's, or the one the second stage maps
 * where private memory is the VMM's own. Where it has none any more, it is the frame that held it
 * last: so one can look at what a guest left behind.
 */
public final class HostView {
  private final Kvm kvm;
  private final Map<String, Long> last = new HashMap<>();

  HostView(Kvm kvm) {
    this.kvm = kvm;
  }

  /** Remembers which frame holds a page, if any does. */
  void note(int number, @Nullable Vm vm, long gpa) {
    long pfn = vm == null ? -1 : frameOf(vm, gpa >>> PageLevel.PAGE_SHIFT);
    if (pfn >= 0) {
      last.put(key(number, gpa), pfn);
    }
  }

  private static String key(int number, long gpa) {
    return number + ":" + Long.toHexString(gpa >>> PageLevel.PAGE_SHIFT);
  }

  /** Returns the frame of a private page, or -1. */
  static long frameOf(Vm vm, long gfn) {
    if (vm.isDestroyed()) {
      return -1;
    }
    MemSlot slot = vm.slotsOf(0).find(gfn);
    if (slot == null) {
      return -1;
    }
    return slot.hasGuestMemfd()
        ? vm.context().gmemPfn(gfn, false)
        : vm.context().mappedPfn(gfn, true);
  }

  /**
   * What the kernel finds where a page is, or was.
   *
   * @param how by what the access met; null where no frame ever held the page
   * @param value the byte read; negative where the access faulted
   * @param owner who holds the frame, in the words of the platform that has it
   */
  public record Seen(@Nullable How how, int value, String owner) {
    /** Returns this as a line's answer. */
    Reply reply() {
      if (how == null) {
        return CallRunner.plain(-Errno.ENOENT.number());
      }
      LogResult result =
          value < 0 ? LogResult.failed(Errno.EFAULT.name()) : LogResult.of(Value.Num.of(value));
      var who = Value.Field.of("owner", new Value.Str(owner, false));
      return Reply.of(result.with(new LogResult.Exit(how.name(), List.of(who))));
    }
  }

  /** What an access through the direct map meets. */
  public enum How {
    /** The bytes as they are. */
    ALLOWED,
    /** What encryption makes of them. */
    CIPHERTEXT,
    /** Poison: a machine check. */
    POISON,
    /** A fault of the technology's. */
    FAULT,
    /** No mapping. */
    UNMAPPED
  }

  /** Reads one byte. */
  Seen peek(int number, @Nullable Vm vm, long gpa) {
    note(number, vm, gpa);
    Long pfn = last.get(key(number, gpa));
    if (pfn == null) {
      return new Seen(null, -1, "");
    }
    PhysicalHost memory = kvm.physicalMemory();
    Verdict verdict = memory.check(Accessor.HOST_KERNEL, pfn, false);
    boolean mapped = memory.directMap().isPresent(pfn);
    int value = memory.readByte(Accessor.HOST_KERNEL, (pfn << PageLevel.PAGE_SHIFT) + (gpa & 4095));
    How how =
        !mapped
            ? How.UNMAPPED
            : switch (verdict) {
              case ALLOW -> How.ALLOWED;
              case CIPHER -> How.CIPHERTEXT;
              case POISON -> How.POISON;
              case FAULT -> How.FAULT;
            };
    return new Seen(how, value, ownerOf(kvm, pfn));
  }

  /** Returns who holds a frame, in the words of the platform that has it, else {@code host}. */
  static String ownerOf(Kvm kvm, long pfn) {
    for (Platform p : kvm.platforms()) {
      String owner = p.ownerOf(pfn);
      if (owner != null) {
        return owner;
      }
    }
    return "host";
  }
}
