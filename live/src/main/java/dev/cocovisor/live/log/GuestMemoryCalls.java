package dev.cocovisor.live.log;

import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.Symbols;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Judges which calls on mappings have to do with guest memory: those on addresses that are, at some
 * time, a slot's or a guest_memfd's.
 *
 * <p>Memory under a slot that no call of the trace mapped (it was there before, or came by brk) is
 * mapped by a line of its own that says so; what was done to it before then is not known.
 */
final class GuestMemoryCalls {
  private static final long MAP_PRIVATE = 2;
  private static final long PAGE = 4096;

  /** Addresses of guest memory, whenever. */
  private final Ranges guest = new Ranges();

  /** Whether a pipe holds pages of guest memory. */
  private boolean held;

  /** A guest_memfd is mapped: its addresses are guest memory without any slot. */
  void guestMemory(LogCall mmap) {
    long[] range = mapped(mmap);
    if (range != null) {
      guest.add(range[0], range[1]);
    }
  }

  /** Returns the calls that matter, in order, with mappings added where the trace lacks them. */
  List<LogCall> judged(List<LogCall> calls) {
    for (LogCall c : calls) {
      KvmCall.SetRegion r = region(c);
      if (r != null) {
        guest.add(r.userspaceAddr(), r.userspaceAddr() + r.memorySize());
      }
    }
    var out = new ArrayList<LogCall>();
    var present = new Ranges();
    for (LogCall c : calls) {
      if (keeps(c, present)) {
        KvmCall.SetRegion r = region(c);
        if (r != null) {
          supply(r, c.line(), present, out);
        }
        out.add(c);
      }
    }
    return out;
  }

  /** The slot that a call set with success, over memory of the process. */
  private static KvmCall.@Nullable SetRegion region(LogCall c) {
    boolean sets =
        c.name().equals("ioctl")
            && c.args().size() > 2
            && c.args().get(1) instanceof Value.Sym s
            && s.name().startsWith("KVM_SET_USER_MEMORY_REGION")
            && c.result() != null
            && !c.result().isError();
    return sets
            && ProcessTrace.decoded(c) instanceof KvmCall.SetRegion r
            && r.memorySize() > 0
            && r.userspaceAddr() > 0
            && r.userspaceAddr() + r.memorySize() > 0
        ? r
        : null;
  }

  private static void supply(KvmCall.SetRegion r, int line, Ranges present, List<LogCall> out) {
    long from = r.userspaceAddr() & -PAGE;
    long to = (r.userspaceAddr() + r.memorySize() + PAGE - 1) & -PAGE;
    present.gaps(
        from,
        to,
        (start, end) ->
            out.add(
                new LogCall(
                    line,
                    "mmap",
                    List.of(
                        Value.Num.hex(start),
                        Value.Num.hex(end - start),
                        flags("PROT_READ", "PROT_WRITE"),
                        flags("MAP_PRIVATE", "MAP_FIXED", "MAP_ANONYMOUS"),
                        Value.Num.of(-1),
                        Value.Num.of(0)),
                    List.of(),
                    LogResult.of(Value.Num.hex(start)),
                    "mapped before the log, or by brk")));
    present.add(from, to);
  }

  private static Value flags(String... names) {
    var parts = new ArrayList<Value>();
    for (String name : names) {
      parts.add(new Value.Sym(name));
    }
    return new Value.Flags(List.copyOf(parts));
  }

  private boolean keeps(LogCall c, Ranges present) {
    return switch (c.name()) {
      case "mmap" -> keepsMapping(c, present);
      case "munmap" -> {
        long[] range = range(c);
        if (range == null || !present.touches(range[0], range[1])) {
          yield false;
        }
        if (succeeded(c)) {
          present.remove(range[0], range[1]);
        }
        yield true;
      }
      case "mremap" -> keepsMove(c, present);
      case "vmsplice" -> {
        long[] range = spliced(c);
        boolean keeps = range != null && present.touches(range[0], range[1]);
        held |= keeps && succeeded(c);
        yield keeps;
      }
      case "close" -> {
        boolean ofPipe = c.args().getFirst() instanceof Value.Sym;
        boolean keeps = !ofPipe || held;
        held &= !ofPipe;
        yield keeps;
      }
      case "mprotect", "madvise", "mlock", "munlock" -> {
        long[] range = range(c);
        yield range != null && present.holds(range[0], range[1]);
      }
      default -> true;
    };
  }

  private boolean keepsMapping(LogCall c, Ranges present) {
    long[] range = mapped(c);
    if (range == null) {
      // A guest_memfd's refusals are answers, and those only.
      return number(c, 4) >= 0;
    }
    if (!guest.touches(range[0], range[1]) && !present.touches(range[0], range[1])) {
      return false;
    }
    present.add(range[0], range[1]);
    return true;
  }

  private boolean keepsMove(LogCall c, Ranges present) {
    long[] from = range(c);
    Long to = succeeded(c) && c.result() != null ? Symbols.number(c.result().value()) : null;
    if (from == null || !present.holds(from[0], from[1])) {
      return false;
    }
    if (to != null) {
      present.remove(from[0], from[1]);
      present.add(to, to + up(number(c, 2)));
    }
    return true;
  }

  private static boolean succeeded(LogCall c) {
    return c.result() != null && !c.result().isError();
  }

  private static long number(LogCall c, int arg) {
    Long n = arg < c.args().size() ? Symbols.number(c.args().get(arg)) : null;
    return n == null ? -1 : n;
  }

  private static long up(long len) {
    return (len + PAGE - 1) & -PAGE;
  }

  private static long @Nullable [] spliced(LogCall c) {
    if (c.args().size() < 2
        || !(c.args().get(1) instanceof Value.Struct s)
        || s.fields().size() < 2) {
      return null;
    }
    Long addr = Symbols.number(s.fields().get(0).value());
    Long len = Symbols.number(s.fields().get(1).value());
    return addr == null || len == null || addr <= 0 || len <= 0 || addr + len < 0
        ? null
        : new long[] {addr, addr + len};
  }

  /** The addresses that a call names; null if it names none that can be. */
  private static long @Nullable [] range(LogCall c) {
    long addr = number(c, 0);
    long len = up(number(c, 1));
    return addr < 0 || len <= 0 || addr + len < 0 ? null : new long[] {addr, addr + len};
  }

  /** The addresses that a mapping took; null if it failed. */
  private static long @Nullable [] mapped(LogCall c) {
    Long at = succeeded(c) && c.result() != null ? Symbols.number(c.result().value()) : null;
    long len = up(number(c, 1));
    return at == null || at <= 0 || len <= 0 || at + len < 0 ? null : new long[] {at, at + len};
  }

  /** A mapping of a file that is not the model's: memory of the same kind without the file. */
  static LogCall anonymous(LogCall mmap) {
    if (mmap.args().size() < 6) {
      return mmap;
    }
    long flags = number(mmap, 3);
    var args = new ArrayList<>(mmap.args());
    args.set(
        3,
        flags(
            (flags & 0xf) == MAP_PRIVATE ? "MAP_PRIVATE" : "MAP_SHARED",
            (flags & 0x10) != 0 ? "MAP_FIXED" : "MAP_NORESERVE",
            "MAP_ANONYMOUS"));
    args.set(4, Value.Num.of(-1));
    args.set(5, Value.Num.of(0));
    return new LogCall(
        mmap.line(), "mmap", List.copyOf(args), List.of(), mmap.result(), "of a file");
  }
}
