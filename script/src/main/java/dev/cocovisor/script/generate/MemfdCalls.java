package dev.cocovisor.script.generate;

import static dev.cocovisor.script.call.Calls.entry;
import static dev.cocovisor.script.call.Calls.fd;
import static dev.cocovisor.script.call.Calls.hex;
import static dev.cocovisor.script.call.Calls.ioctl;

import dev.cocovisor.script.call.Calls;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Random calls on guest_memfds: made, filled and punched, mapped, closed, and used as files. */
final class MemfdCalls {
  private final Choices choose;
  private final Function<LogCall, Reply> run;
  private final DrawnPlaces places;
  private final List<Long> open = new ArrayList<>();

  /**
   * Makes calls.
   *
   * @param run carries a call out
   * @param places takes where files are mapped
   */
  MemfdCalls(Choices choose, Function<LogCall, Reply> run, DrawnPlaces places) {
    this.choose = choose;
    this.run = run;
    this.places = places;
  }

  /** Draws one that is open; -1 if there is none. */
  long any() {
    return open.isEmpty() ? -1 : open.get(choose.below(open.size()));
  }

  /** KVM_CREATE_GUEST_MEMFD. */
  void create(long vm) {
    long name =
        ProgramGenerator.made(
            make(
                ioctl(
                    fd(vm),
                    "KVM_CREATE_GUEST_MEMFD",
                    Calls.struct(
                        entry(
                            "size", choose.percent(10) ? choose.of(0, 0x800, -1) : places.length()),
                        entry("flags", choose.of(0, 0, 0, 1, 3, 2, 1L << 31))))));
    if (name >= 0) {
      open.add(name);
    }
  }

  /** fallocate, most often a hole. */
  void fallocate() {
    make(
        Calls.call(
            "fallocate",
            fd(any()),
            hex(choose.percent(10) ? choose.of(0, 2, 0x11) : choose.of(1, 3, 3)),
            hex(choose.of(0, 0x1000, 0x200000, 0x1ff000, 0x400000)),
            hex(choose.percent(5) ? choose.of(0, 0x800) : places.length())));
  }

  /** mmap. */
  void map() {
    long at = DrawnPlaces.MAPPED + places.mappings().size() * DrawnPlaces.BANK;
    LogCall call =
        Calls.call(
            "mmap",
            hex(at),
            hex(places.length()),
            Calls.flags("PROT_READ", "PROT_WRITE"),
            Calls.flags(choose.percent(90) ? "MAP_SHARED" : "MAP_PRIVATE", "MAP_FIXED_NOREPLACE"),
            fd(any()),
            fd(0));
    LogResult result = make(call).result();
    if (!result.isError()) {
      places.mappings().add(at);
    }
  }

  /** A call that any file knows; or its end. */
  void fileCall() {
    long file = any();
    switch (choose.below(7)) {
      case 0 -> make(Calls.call("fstat", fd(file)));
      case 1 -> make(Calls.call("ftruncate", fd(file), hex(places.length())));
      case 2 -> make(Calls.call("read", fd(file), fd(16)));
      case 3 -> make(Calls.call("write", fd(file), fd(16)));
      case 4 -> make(Calls.call("pread64", fd(file), fd(16), fd(0)));
      case 5 -> make(Calls.call("pwrite64", fd(file), fd(16), fd(0)));
      default -> {
        if (open.remove(file)) {
          make(Calls.call("close", fd(file)));
        }
      }
    }
  }

  private Reply make(LogCall call) {
    return run.apply(call);
  }
}
