package dev.cocovisor.script.generate;

import static dev.cocovisor.script.call.Calls.entry;
import static dev.cocovisor.script.call.Calls.fd;
import static dev.cocovisor.script.call.Calls.hex;
import static dev.cocovisor.script.call.Calls.ioctl;

import dev.cocovisor.script.call.Calls;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.Value;
import java.util.List;
import java.util.function.Function;

/** Random calls on a VM's memory slots and the logs of their dirty pages. */
final class SlotCalls {
  private static final int SLOTS = 6;

  private final Choices choose;
  private final Function<LogCall, Reply> run;
  private final DrawnPlaces places;
  private final MemfdCalls memfds;

  /** A slot that logged dirty pages when it was made, 0 if there is none. */
  private long logged;

  /**
   * Makes calls.
   *
   * @param run carries a call out
   * @param places takes where slots begin
   * @param memfds has what slots can be bound to
   */
  SlotCalls(Choices choose, Function<LogCall, Reply> run, DrawnPlaces places, MemfdCalls memfds) {
    this.choose = choose;
    this.run = run;
    this.places = places;
    this.memfds = memfds;
  }

  /** Makes one. */
  void step(long vm) {
    if (logged > 0 && choose.percent(40)) {
      dirtyLog(vm);
      return;
    }
    boolean bound = choose.percent(55);
    long size = places.slotLength();
    long user = places.slotMemory();
    region(
        vm,
        1 + choose.below(SLOTS),
        choose.percent(15) ? choose.of(1, 1, 1, 2, 3, 8) : bound ? 4 : 0,
        places.gpa(),
        size,
        choose.percent(10) ? user + 0x1000 : user,
        bound ? choose.of(0, 0, 0, 0, 0x1000, 0x200000) : 0,
        bound ? memfds.any() : -1);
  }

  /** KVM_SET_USER_MEMORY_REGION2, perhaps once more with logging switched. */
  void region(
      long vm, long slot, long flags, long gpa, long size, long user, long offset, long memfd) {
    Reply reply =
        make(
            ioctl(
                fd(vm),
                "KVM_SET_USER_MEMORY_REGION2",
                Calls.struct(
                    entry("slot", slot),
                    entry("flags", flags),
                    entry("guest_phys_addr", gpa),
                    entry("memory_size", size),
                    entry("userspace_addr", user),
                    entry("guest_memfd_offset", offset),
                    Value.Field.of("guest_memfd", fd(memfd)))));
    if (reply.result().isError() || size <= 0 || slot <= 0) {
      return;
    }
    places.plug(gpa);
    if ((flags & 1) != 0) {
      logged = slot;
    }
    if (flags < 2 && choose.percent(30)) {
      region(vm, slot, flags ^ 1, gpa, size, user, offset, memfd);
    }
  }

  private void dirtyLog(long vm) {
    if (choose.percent(50)) {
      make(ioctl(fd(vm), "KVM_GET_DIRTY_LOG", Calls.struct(entry("slot", logged))));
      return;
    }
    Value words = new Value.Items(List.of(hex(choose.of(-1, 1, 0xff)), hex(choose.of(0, -1, 8))));
    make(
        ioctl(
            fd(vm),
            "KVM_CLEAR_DIRTY_LOG",
            Calls.struct(
                entry("slot", choose.percent(5) ? 9 : logged),
                entry("num_pages", choose.of(1, 3, 8, 64, 128, 512)),
                entry("first_page", choose.of(0, 0, 0, 64, 1)),
                Value.Field.of("dirty_bitmap", words))));
  }

  private Reply make(LogCall call) {
    return run.apply(call);
  }
}
