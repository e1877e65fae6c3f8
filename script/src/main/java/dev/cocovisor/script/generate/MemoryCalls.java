package dev.cocovisor.script.generate;

import static dev.cocovisor.script.call.Calls.fd;
import static dev.cocovisor.script.call.Calls.hex;
import static dev.cocovisor.script.call.Calls.sym;

import dev.cocovisor.script.call.Calls;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.call.Symbols;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Random calls on a process's memory: mappings of every kind that are cut, moved, advised on,
 * protected, locked, forked and taken away, and files behind them that change their size. A few
 * lengths are beyond what any address space holds, or wrap.
 */
final class MemoryCalls {
  /** Memory that transparent huge pages may back. */
  private static final long THP = 0x7f4000000000L;

  private static final long SHARED = 0x7f5000000000L;
  private static final long FILES = 0x7f8000000000L;

  /** Where moved memory goes. */
  private static final long ELSEWHERE = 0x7f9000000000L;

  private static final long ARENA = 0x1000000;
  private static final long FILE_SIZE = 0x800000;

  private static final String[] ADVICE = {
    "MADV_DONTNEED",
    "MADV_DONTNEED",
    "MADV_DONTNEED",
    "MADV_FREE",
    "MADV_REMOVE",
    "MADV_HUGEPAGE",
    "MADV_NOHUGEPAGE",
    "MADV_COLLAPSE",
    "MADV_COLLAPSE",
    "MADV_COLD",
    "MADV_PAGEOUT",
    "MADV_WILLNEED",
    "MADV_POPULATE_READ",
    "MADV_POPULATE_WRITE",
    "MADV_DONTNEED_LOCKED",
    "MADV_RANDOM",
    "MADV_NORMAL",
    "MADV_DONTFORK",
    "MADV_DOFORK",
    "MADV_WIPEONFORK",
    "MADV_KEEPONFORK",
    "MADV_MERGEABLE",
    "MADV_GUARD_INSTALL",
    "MADV_GUARD_REMOVE",
    "MADV_HWPOISON"
  };

  private final Choices choose;
  private final Function<LogCall, Reply> run;

  /** Addresses that slots can use. */
  private final List<Long> mappings;

  private final List<Long> files = new ArrayList<>();
  private int fileMappings;
  private long userfaults = -1;

  /**
   * Makes calls.
   *
   * @param run carries a call out
   * @param mappings takes addresses that something is mapped at
   */
  MemoryCalls(Choices choose, Function<LogCall, Reply> run, List<Long> mappings) {
    this.choose = choose;
    this.run = run;
    this.mappings = mappings;
  }

  /** Makes one call. */
  void step() {
    switch (choose.below(20)) {
      case 0, 1, 2 -> map();
      case 3 -> call("munmap", hex(address()), hex(length()));
      case 4, 5 -> protect();
      case 6, 7 -> remap();
      case 8 -> call(choose.percent(60) ? "mlock" : "munlock", hex(address()), hex(length()));
      case 9 -> newFile();
      case 10, 11 -> fileCall();
      case 12 -> call("fork_and_read", hex(address()));
      case 13 -> heapOrSeals();
      case 14 -> userfault();
      default -> advise();
    }
  }

  private Reply call(String name, Value... args) {
    return make(Calls.call(name, args));
  }

  private Reply make(LogCall call) {
    return run.apply(call);
  }

  private long address() {
    long[] arenas = {THP, THP, THP, SHARED, FILES, FILES + 0x4000000, ELSEWHERE, 0x7f1000000000L};
    long base = arenas[choose.below(arenas.length)] + choose.below(4) * 0x200000L;
    return base + choose.of(0, 0, 0, 0x1000, 0x1ff000, 0x200000, 0x201000, 0x800);
  }

  private long length() {
    if (choose.percent(4)) {
      return choose.of(1L << 63, -1, -4096, -0x1000, 0x7ffffffff000L, 1L << 47, 0);
    }
    return choose.of(0x1000, 0x1000, 0x2000, 0x8000, 0x1ff000, 0x200000, 0x200000, 0x400000);
  }

  private void map() {
    boolean shared = choose.percent(25);
    long at = shared ? SHARED : THP;
    boolean over = choose.percent(30);
    Value flags =
        Calls.flags(
            shared ? "MAP_SHARED" : "MAP_PRIVATE",
            "MAP_ANONYMOUS",
            over ? "MAP_FIXED" : "MAP_FIXED_NOREPLACE");
    Reply r =
        call(
            "mmap",
            hex(over ? at + choose.below(4) * 0x200000L + choose.of(0, 0x1000, 0x200000) : at),
            hex(over ? length() : ARENA),
            protection(),
            flags,
            fd(-1),
            fd(0));
    if (!over && !r.result().isError()) {
      mappings.add(at);
      mappings.add(at + 0x200000);
    }
  }

  private Value protection() {
    return choose.percent(85)
        ? Calls.flags("PROT_READ", "PROT_WRITE")
        : sym(choose.percent(50) ? "PROT_READ" : "PROT_NONE");
  }

  private void protect() {
    call("mprotect", hex(address()), hex(length()), protection());
  }

  private void remap() {
    boolean fixed = choose.percent(75);
    boolean keep = choose.percent(25);
    long was = length();
    var flags = new ArrayList<String>();
    if (fixed || choose.percent(50)) {
      flags.add("MREMAP_MAYMOVE");
    }
    if (fixed) {
      flags.add("MREMAP_FIXED");
    }
    if (keep) {
      flags.add("MREMAP_DONTUNMAP");
    }
    long to = choose.percent(50) ? ELSEWHERE + choose.below(4) * 0x200000L : address();
    call(
        "mremap",
        hex(address()),
        hex(was),
        hex(keep || choose.percent(60) ? was : length()),
        flags.isEmpty() ? fd(0) : Calls.flags(flags.toArray(String[]::new)),
        hex(to));
  }

  private void advise() {
    String advice = ADVICE[choose.below(ADVICE.length)];
    call("madvise", hex(address()), hex(length()), sym(advice));
  }

  private void heapOrSeals() {
    long file = files.isEmpty() ? -1 : files.get(choose.below(files.size()));
    switch (choose.below(6)) {
      case 0, 1 -> {
        Long now = Symbols.number(call("brk", fd(0)).result().value());
        long end = now == null ? 0 : now;
        call("brk", hex(choose.percent(5) ? choose.of(-1, 1L << 63, 0x1000) : end + grown()));
      }
      case 2 -> call("fcntl", fd(file), sym("F_GET_SEALS"));
      case 3 -> {
        Reply r = call("fcntl", fd(file), sym("F_DUPFD"), fd(choose.of(0, 100, -1, 1L << 40)));
        Long name = r.opened() ? Symbols.number(r.result().value()) : null;
        if (name != null) {
          files.add(name);
        }
      }
      default -> call("fcntl", fd(file), sym("F_ADD_SEALS"), hex(choose.of(1, 2, 4, 8, 16, 64)));
    }
  }

  private long grown() {
    return choose.of(0x1000, 0x3000, 0x200000, -0x1000, -0x200000, 0x800);
  }

  private void userfault() {
    if (userfaults < 0) {
      Reply r = call("userfaultfd", hex(choose.percent(90) ? 0x80001 : 0x10));
      Long name = r.opened() ? Symbols.number(r.result().value()) : null;
      if (name == null) {
        return;
      }
      userfaults = name;
      make(Calls.ioctl(fd(userfaults), "UFFDIO_API", Calls.struct(Calls.entry("api", 0xaa))));
      return;
    }
    String[] requests = {
      "UFFDIO_REGISTER",
      "UFFDIO_REGISTER",
      "UFFDIO_UNREGISTER",
      "UFFDIO_ZEROPAGE",
      "UFFDIO_CONTINUE",
      "UFFDIO_WRITEPROTECT",
      "UFFDIO_COPY"
    };
    String request = requests[choose.below(requests.length)];
    boolean copy = request.equals("UFFDIO_COPY");
    var fields = new ArrayList<Value.Field>();
    fields.add(Calls.entry(copy ? "dst" : "start", address()));
    if (copy) {
      fields.add(Calls.entry("src", address()));
    }
    fields.add(Calls.entry("len", length()));
    fields.add(
        Calls.entry(
            "mode",
            request.equals("UFFDIO_REGISTER")
                ? choose.of(1, 1, 2, 3, 4, 0, 8)
                : choose.of(0, 0, 1, 2)));
    make(Calls.ioctl(fd(userfaults), request, new Value.Struct(List.copyOf(fields))));
  }

  private void newFile() {
    boolean huge = choose.percent(30);
    Value flags = huge ? Calls.flags("MFD_CLOEXEC", "MFD_HUGETLB") : sym("MFD_CLOEXEC");
    Reply r = call("memfd_create", new Value.Str("guest", false), flags);
    Long name = r.opened() ? Symbols.number(r.result().value()) : null;
    if (name == null) {
      return;
    }
    files.add(name);
    call("ftruncate", fd(name), hex(FILE_SIZE));
    long at = FILES + fileMappings++ * 0x4000000L;
    Reply mapped =
        call(
            "mmap",
            hex(at),
            hex(FILE_SIZE),
            Calls.flags("PROT_READ", "PROT_WRITE"),
            Calls.flags(choose.percent(70) ? "MAP_SHARED" : "MAP_PRIVATE", "MAP_FIXED_NOREPLACE"),
            fd(name),
            fd(0));
    if (!mapped.result().isError()) {
      mappings.add(at);
    }
  }

  private void fileCall() {
    long file = files.isEmpty() ? -1 : files.get(choose.below(files.size()));
    switch (choose.below(8)) {
      case 0, 1, 2 ->
          call(
              "fallocate",
              fd(file),
              hex(choose.percent(10) ? choose.of(0x10, 2, 0x80) : choose.of(0, 1, 3, 3, 3)),
              hex(choose.of(0, 0x1000, 0x1ff000, 0x200000, 0x400000, 0x800000)),
              hex(choose.percent(5) ? choose.of(0, -1, 1L << 62, 1L << 63) : length()));
      case 3, 4 ->
          call(
              "ftruncate",
              fd(file),
              hex(choose.of(0, 0x1000, 0x200000, 0x400000, FILE_SIZE, 0x1000000, 0x800, -1)));
      case 5 -> call("fstat", fd(file));
      case 6 -> {
        Reply r = call("dup", fd(file));
        Long name = r.opened() ? Symbols.number(r.result().value()) : null;
        if (name != null) {
          files.add(name);
        }
      }
      default -> {
        if (files.remove(file)) {
          call("close", fd(file));
        }
      }
    }
  }
}
