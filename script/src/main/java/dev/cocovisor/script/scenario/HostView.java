package dev.cocovisor.script.scenario;

import dev.cocovisor.api.Errno;
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
final class HostView {
  private final Kvm kvm;
  private final Map<String, Long> last = new HashMap<>();

  HostView(Kvm kvm) {
    this.kvm = kvm;
  }

  /** Remembers which frame holds a page, if any does. */
  void note(int number, @Nullable Vm vm, long gpa) {
    long pfn = vm == null ? -1 : frameOf(vm, gpa >>> 12);
    if (pfn >= 0) {
      last.put(key(number, gpa), pfn);
    }
  }

  private static String key(int number, long gpa) {
    return number + ":" + Long.toHexString(gpa >>> 12);
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
   * Reads one byte: its value with how the access went (ALLOWED, CIPHERTEXT, POISON), or EFAULT.
   */
  Reply peek(int number, @Nullable Vm vm, long gpa) {
    note(number, vm, gpa);
    Long pfn = last.get(key(number, gpa));
    if (pfn == null) {
      return CallRunner.plain(-Errno.ENOENT.number());
    }
    PhysicalHost memory = kvm.physicalMemory();
    Verdict verdict = memory.check(Accessor.HOST_KERNEL, pfn, false);
    boolean mapped = memory.directMap().isPresent(pfn);
    int value = memory.readByte(Accessor.HOST_KERNEL, (pfn << 12) + (gpa & 4095));
    LogResult result =
        value < 0 ? LogResult.failed(Errno.EFAULT.name()) : LogResult.of(Value.Num.of(value));
    String what =
        !mapped
            ? "UNMAPPED"
            : switch (verdict) {
              case ALLOW -> "ALLOWED";
              case CIPHER -> "CIPHERTEXT";
              case POISON -> "POISON";
              case FAULT -> "FAULT";
            };
    return Reply.of(
        result.with(
            new LogResult.Exit(
                what, List.of(Value.Field.of("owner", new Value.Str(ownerOf(kvm, pfn), false))))));
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
