package dev.cocovisor.live.trace;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import dev.cocovisor.live.log.FileKind;
import dev.cocovisor.live.log.ProcessTrace;
import dev.cocovisor.live.log.TracedCall;
import dev.cocovisor.live.sys.KvmRunStruct;
import dev.cocovisor.script.call.CallEncoder;
import dev.cocovisor.script.call.Calls;
import dev.cocovisor.script.call.ExitValues;
import dev.cocovisor.script.call.Words;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads what a stopped thread's call passes and gets back, and makes a line of it. */
final class CallReader {
  private static final long RUN = 0xae80;
  private static final long CREATE_VM = 0xae01;
  private static final long CREATE_VCPU = 0xae41;
  private static final long ENCRYPT_OP = 0xc008aebaL;
  private static final long CLEAR_DIRTY_LOG = 0xc018aec0L;
  private static final long O_CLOEXEC = 0x80000;
  private static final int PATH_MAX = 256;
  private static final int STAT_SIZE = 144;
  private static final int COMMAND_SIZE = 24;

  /** A call interrupted by a signal that the kernel makes again by itself, and those above. */
  private static final long ERESTARTSYS = -512;

  private static final long ERESTART_LAST = -516;

  /** More words of a bitmap than this are left out. */
  private static final int MOST_WORDS = 8192;

  private final Ptrace ptrace;
  private final Arrivals arrivals;
  private final Structures table = Structures.table();

  CallReader(Ptrace ptrace) {
    this.ptrace = ptrace;
    this.arrivals = new Arrivals(ptrace);
  }

  /** Keeps what a call passes, before the kernel changes it. */
  void begins(Tracee t, ProcessTrace trace) {
    t.before = null;
    t.text = null;
    if (t.call == null) {
      return;
    }
    switch (t.call) {
      case OPEN -> t.text = text(t, t.args[0]);
      case OPENAT, NEWFSTATAT -> t.text = text(t, t.args[1]);
      case MEMFD_CREATE -> t.text = text(t, t.args[0]);
      case IOCTL -> {
        long request = t.args[1] & 0xffffffffL;
        if (request == RUN) {
          if (t.resuming && t.vcpu == t.args[0]) {
            resume(t, trace);
          }
          t.resuming = false;
          t.vcpu = descriptor(t.args[0]);
        } else if (request == ENCRYPT_OP) {
          command(t, ptrace.read(t.tid, t.args[2], COMMAND_SIZE));
        } else {
          Structure s = table.of(request);
          t.before = s == null ? null : ptrace.read(t.tid, t.args[2], s.size());
        }
      }
      default -> {}
    }
  }

  /** Commands hold an id and, 8 bytes behind, the address of what they take. */
  private void command(Tracee t, byte @Nullable [] command) {
    t.before = command;
    Structure s = command == null ? null : commandOf(t, command);
    t.passed =
        s == null || command == null || s.members().isEmpty()
            ? null
            : ptrace.read(t.tid, littleEndian(command).getLong(8), s.size());
  }

  private @Nullable Structure commandOf(Tracee t, byte[] command) {
    return table.command(
        t.shared.vmTypes.getOrDefault(descriptor(t.args[0]), 0L),
        littleEndian(command).getInt(0) & 0xffffffffL);
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private void resume(Tracee t, ProcessTrace trace) {
    KvmRunStruct page = page(t, t.args[0]);
    if (page != null) {
      trace.add(
          new TracedCall(
              Calls.call(
                  "guest_resume",
                  Calls.fd(t.args[0]),
                  Calls.struct(Value.Field.of("ret", Value.Num.of(page.hypercallAnswer())))),
              "",
              ""));
    }
  }

  /** Adds the line of a call that returned. */
  void ends(Tracee t, long result, ProcessTrace trace) {
    SystemCall call = t.call;
    t.call = null;
    if (call == null || (result <= ERESTARTSYS && result >= ERESTART_LAST)) {
      return;
    }
    if (result >= 0) {
      arrivals.take(t, call, result, trace);
    }
    LogCall line = call == SystemCall.IOCTL ? ioctl(t, result, trace) : plain(call, t, result);
    if (line == null) {
      trace.skipped();
      return;
    }
    if (line.result() == null) {
      line = line.withResult(result(result, isAddress(call)));
    }
    if (call == SystemCall.VMSPLICE && result > 0) {
      trace.held(Arrivals.endsOf(t, descriptor(t.args[0])));
    }
    trace.add(new TracedCall(line, path(t, call, trace), ""));
  }

  private static boolean isAddress(SystemCall call) {
    return call == SystemCall.MMAP || call == SystemCall.MREMAP;
  }

  private static LogResult result(long r, boolean address) {
    if (r < 0 && r >= -4095) {
      return LogResult.failed(Errno.of((int) -r).name());
    }
    return LogResult.of(address ? Value.Num.hex(r) : Value.Num.of(r));
  }

  /** What a descriptor names that was never seen to be opened. */
  private String path(Tracee t, SystemCall call, ProcessTrace trace) {
    boolean onDescriptor =
        call == SystemCall.IOCTL || call == SystemCall.FALLOCATE || call == SystemCall.FTRUNCATE;
    if (!onDescriptor || trace.kindOf(descriptor(t.args[0])) != null) {
      return "";
    }
    return Arrivals.path(t, descriptor(t.args[0]));
  }

  private @Nullable String text(Tracee t, long addr) {
    // A string may end at a page's end, behind which nothing can be read.
    int len = (int) Math.min(PATH_MAX, 4096 - (addr & 4095));
    byte[] bytes = ptrace.read(t.tid, addr, len);
    if (bytes == null) {
      return null;
    }
    int end = 0;
    while (end < bytes.length && bytes[end] != 0) {
      end++;
    }
    return new String(bytes, 0, end, StandardCharsets.UTF_8);
  }

  private @Nullable LogCall plain(SystemCall call, Tracee t, long result) {
    long[] a = t.args;
    return switch (call) {
      case OPEN, OPENAT ->
          t.text == null
              ? null
              : Calls.call(
                  "openat",
                  Calls.sym("AT_FDCWD"),
                  new Value.Str(t.text, false),
                  mode(a[call == SystemCall.OPEN ? 1 : 2]));
      case CLOSE -> Calls.call("close", fd(a[0]));
      case DUP -> Calls.call("dup", fd(a[0]));
      case DUP2 -> Calls.call("dup2", fd(a[0]), fd(a[1]));
      case DUP3 -> Calls.call("dup3", fd(a[0]), fd(a[1]), Calls.hex(a[2]));
      case FCNTL ->
          switch ((int) a[1]) {
            case 0 -> Calls.call("fcntl", fd(a[0]), Calls.sym("F_DUPFD"), Calls.hex(a[2]));
            case 2 -> Calls.call("fcntl", fd(a[0]), Calls.sym("F_SETFD"), Calls.hex(a[2] & 1));
            case 1030 ->
                Calls.call("fcntl", fd(a[0]), Calls.sym("F_DUPFD_CLOEXEC"), Calls.hex(a[2]));
            default -> null;
          };
      case CLOSE_RANGE ->
          Calls.call("close_range", fd(a[0]), Calls.hex(a[1] & 0xffffffffL), Calls.hex(a[2]));
      case VMSPLICE -> arrivals.vmsplice(t);
      case RECVMSG, PIDFD_GETFD -> null;
      case MEMFD_CREATE ->
          Calls.call(
              "memfd_create",
              new Value.Str(t.text == null ? "" : t.text, false),
              Calls.hex(a[1] & 0xffffffffL));
      case MMAP -> {
        if (result >= 0 || result < -4095) {
          mapped(t, result);
        }
        yield CallEncoder.mmap(a[0], a[1], (int) a[2], (int) a[3], (int) a[4], a[5]);
      }
      case MUNMAP -> CallEncoder.range("munmap", a[0], a[1]);
      case MREMAP ->
          Calls.call(
              "mremap",
              Calls.hex(a[0]),
              Calls.hex(a[1]),
              Calls.hex(a[2]),
              Calls.hex(a[3]),
              Calls.hex(a[4]));
      case MPROTECT ->
          Calls.call("mprotect", Calls.hex(a[0]), Calls.hex(a[1]), Calls.hex(a[2] & 7));
      case MADVISE -> CallEncoder.madvise(a[0], a[1], (int) a[2]);
      case MLOCK -> CallEncoder.range("mlock", a[0], a[1]);
      case MUNLOCK -> CallEncoder.range("munlock", a[0], a[1]);
      case FALLOCATE -> CallEncoder.fallocate((int) a[0], (int) a[1], a[2], a[3]);
      case FTRUNCATE -> Calls.call("ftruncate", fd(a[0]), Calls.hex(a[1]));
      case FSTAT -> stat(t, a[1]);
      case NEWFSTATAT -> t.text == null || !t.text.isEmpty() ? null : stat(t, a[2]);
      case PREAD64 -> Calls.call("pread64", fd(a[0]), Calls.hex(a[2]), Calls.hex(a[3]));
      case PWRITE64 -> Calls.call("pwrite64", fd(a[0]), Calls.hex(a[2]), Calls.hex(a[3]));
      case IOCTL -> null;
    };
  }

  /** Of how a file is opened: what may be done with it, and whether the next program has it. */
  private static Value mode(long flags) {
    Value access = Calls.sym((flags & 3) == 2 ? "O_RDWR" : "O_RDONLY");
    return (flags & O_CLOEXEC) == 0
        ? access
        : new Value.Flags(List.of(access, Calls.sym("O_CLOEXEC")));
  }

  /** The kernel takes descriptors as 32-bit numbers. */
  private static long descriptor(long argument) {
    return (int) argument;
  }

  private static Value fd(long n) {
    return Calls.fd(descriptor(n));
  }

  /** Remembers where a vCPU's page is. */
  private static void mapped(Tracee t, long at) {
    if ((int) t.args[4] >= 0 && t.args[5] == 0) {
      t.shared.runPages.put(descriptor(t.args[4]), at);
    }
  }

  private @Nullable LogCall stat(Tracee t, long addr) {
    byte[] bytes = ptrace.read(t.tid, addr, STAT_SIZE);
    if (bytes == null) {
      return null;
    }
    // struct stat of x86-64 and of arm64 agree from st_size on but for the width of st_blksize.
    ByteBuffer b = littleEndian(bytes);
    return Calls.call(
        "fstat",
        fd(t.args[0]),
        Calls.struct(
            Value.Field.of("st_size", Value.Num.hex(b.getLong(48))),
            Value.Field.of("st_blocks", Value.Num.of(b.getLong(64))),
            Value.Field.of("st_blksize", Value.Num.of(b.getInt(56)))));
  }

  private @Nullable KvmRunStruct page(Tracee t, long vcpu) {
    Long at = t.shared.runPages.get(descriptor(vcpu));
    byte[] bytes = at == null ? null : ptrace.read(t.tid, at, KvmRunStruct.SIZE);
    return bytes == null ? null : new KvmRunStruct(ByteBuffer.wrap(bytes));
  }

  private @Nullable LogCall ioctl(Tracee t, long result, ProcessTrace trace) {
    long request = t.args[1] & 0xffffffffL;
    if ((request & 0xff00) != 0xae00) {
      return null;
    }
    String name = table.name(request);
    Value named = name == null ? Value.Num.hex(request) : Calls.sym(name);
    Value fd = fd(t.args[0]);
    if (request == RUN) {
      return run(t, result, Calls.call("ioctl", fd, named, Value.Num.of(0)));
    }
    if (result >= 0 && request == CREATE_VM) {
      t.shared.vmTypes.put(result, t.args[2]);
    } else if (result >= 0 && request == CREATE_VCPU) {
      Long type = t.shared.vmTypes.get(descriptor(t.args[0]));
      t.shared.vmTypes.put(result, type == null ? Long.valueOf(0) : type);
    }
    boolean ofVcpu = trace.kindOf(descriptor(t.args[0])) == FileKind.VCPU;
    Value arg =
        request == ENCRYPT_OP
            ? command(t)
            : request == CLEAR_DIRTY_LOG ? clearing(t) : structure(t, request);
    // A vCPU is asked for capabilities by another rule than a VM; what they are is the CPU's.
    if (ofVcpu && "KVM_ENABLE_CAP".equals(name)) {
      arg = Value.Num.hex(t.args[2]);
    } else if ("KVM_CHECK_EXTENSION".equals(name)) {
      Capability cap = Capability.of((int) t.args[2]);
      arg = cap == null ? arg : Calls.sym(cap.name());
    }
    return Calls.call("ioctl", fd, named, arg);
  }

  private LogCall run(Tracee t, long result, LogCall call) {
    KvmRunStruct page = page(t, t.args[0]);
    LogResult plain = result(result, false);
    if (page == null) {
      return call.withResult(plain);
    }
    t.resuming = result >= 0 && page.reason() == KvmRunStruct.HYPERCALL;
    return call.withResult(plain.with(ExitValues.of(page.exit(), "", Words.KERNEL)));
  }

  private Value structure(Tracee t, long request) {
    Structure s = table.of(request);
    byte[] before = t.before;
    if (s == null || before == null) {
      return Value.Num.hex(t.args[2]);
    }
    if (s.back().isEmpty()) {
      return s.value(before);
    }
    byte[] after = ptrace.read(t.tid, t.args[2], s.size());
    return after == null ? s.value(before) : new Value.Change(s.value(before), s.written(after));
  }

  /** The bits that are cleared go with the structure; words of zeros at its end are left out. */
  private Value clearing(Tracee t) {
    byte[] before = t.before;
    Structure s = table.of(CLEAR_DIRTY_LOG);
    if (before == null || s == null) {
      return Value.Num.hex(t.args[2]);
    }
    ByteBuffer b = littleEndian(before);
    int words = (int) Math.min(MOST_WORDS, ((b.getInt(4) & 0xffffffffL) + 63) / 64);
    byte[] whole = ptrace.read(t.tid, t.args[2], 24);
    byte[] bits =
        whole == null ? null : ptrace.read(t.tid, littleEndian(whole).getLong(16), words * 8);
    var items = new ArrayList<Value>();
    int last = 0;
    for (int i = 0; bits != null && i < words; i++) {
      long word = littleEndian(bits).getLong(8 * i);
      items.add(Value.Num.hex(word));
      last = word == 0 ? last : i + 1;
    }
    var fields = new ArrayList<>(s.value(before).fields());
    fields.add(
        Value.Field.of("dirty_bitmap", new Value.Items(List.copyOf(items.subList(0, last)))));
    return new Value.Struct(List.copyOf(fields));
  }

  private Value command(Tracee t) {
    byte[] before = t.before;
    if (before == null) {
      return Value.Num.hex(t.args[2]);
    }
    ByteBuffer b = littleEndian(before);
    long flags = b.getInt(4) & 0xffffffffL;
    Structure s = commandOf(t, before);
    var fields = new ArrayList<Value.Field>();
    fields.add(
        Value.Field.of("id", s == null ? Value.Num.of(b.getInt(0)) : new Value.Sym(s.name())));
    if (flags != 0) {
      fields.add(Value.Field.of("flags", Value.Num.hex(flags)));
    }
    byte[] passed = t.passed;
    if (s != null && passed != null) {
      fields.addAll(s.value(passed).fields());
    } else if (b.getLong(8) != 0) {
      fields.add(Value.Field.of("data", Value.Num.hex(b.getLong(8))));
    }
    return new Value.Struct(List.copyOf(fields));
  }
}
