package dev.cocovisor.script.call;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.core.host.HostCounters;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.Arrays;
import java.util.List;

/**
 * Calls in which the kernel itself touches a process's memory, and what the host counts:
 * /proc/self/mem, pipes, the limit of locked memory.
 *
 * <p>What a read found is printed by its first byte: {@code = 16 (byte=5)}.
 */
final class KernelCalls {
  private static final String SELF_MEM = "/proc/self/mem";

  /** What the recorders of arm64 fill their pipes with, and those of x86. */
  private static final byte ARM64_PIPE_BYTE = '0';

  private static final byte PIPE_BYTE = 7;

  private KernelCalls() {}

  /** Tells whether a call's first argument is the file that is the process's own memory. */
  static boolean isOwnMemory(CallArgs a) {
    return a.isText(0, SELF_MEM);
  }

  static KvmCall pread(CallArgs a) {
    return new KvmCall.ReadMemory(a.number(2), a.number(1));
  }

  static KvmCall pwrite(CallArgs a) {
    return new KvmCall.WriteMemory(a.number(3), a.items(1));
  }

  /** With an iovec the pages stay in the pipe; without, a reader takes them at once. */
  static KvmCall vmsplice(CallArgs a) {
    return a.isSymbol(0, "pipe") && a.isStruct(1)
        ? new KvmCall.HoldByPipe(a.element(1, 0), a.element(1, 1))
        : new KvmCall.Splice(a.number(1), a.number(2));
  }

  /** The limit of locked memory; no other is modelled. */
  static KvmCall setrlimit(CallArgs a) {
    if (!a.isSymbol(0, "RLIMIT_MEMLOCK")) {
      throw a.wrongLimit(0);
    }
    return new KvmCall.SetMemlock(a.number(1));
  }

  static Reply run(KvmProcess process, KvmCall.OfKernel call) {
    return switch (call) {
      case KvmCall.ReadMemory c -> read(process, c.addr(), c.count());
      case KvmCall.Splice c -> splice(process, c);
      case KvmCall.WriteMemory c -> write(process, c);
      case KvmCall.HoldByPipe c -> CallRunner.plain(process.spliceIntoPipe(c.addr(), c.len()));
      case KvmCall.ClosePipe _ -> CallRunner.plain(process.closePipe());
      case KvmCall.KernelWrite c -> {
        byte[] bytes = new byte[Math.clamp(c.len(), 0, 1 << 16)];
        boolean arm64 = process.kvm().architecture().equals(Architecture.ARM64);
        Arrays.fill(bytes, arm64 ? ARM64_PIPE_BYTE : PIPE_BYTE);
        yield CallRunner.plain(process.kernelWrite(c.addr(), bytes));
      }
      case KvmCall.SetMemlock c -> CallRunner.plain(process.setMemlockLimit(c.bytes()));
      case KvmCall.Young c -> CallRunner.plain(process.young(c.addr(), c.len(), c.clear()));
      case KvmCall.Counters _ -> Reply.of(LogResult.of(countersValue(HostCounters.of(process))));
    };
  }

  private static Reply read(KvmProcess process, long addr, long count) {
    long first = process.readThroughKernel(addr);
    long done = 1;
    while (first >= 0 && done < count && process.readThroughKernel(addr + done) >= 0) {
      done++;
    }
    return first < 0
        ? CallRunner.plain(first)
        : Reply.of(
            LogResult.of(Value.Num.of(done))
                .with(
                    new LogResult.Exit("", List.of(Value.Field.of("byte", Value.Num.of(first))))));
  }

  /** The pages are held before the reader of the pipe looks at them. */
  private static Reply splice(KvmProcess process, KvmCall.Splice c) {
    Reply r = read(process, c.addr(), c.len());
    return r.result().isError()
        ? Reply.of(LogResult.failed("EFAULT"))
        : Reply.of(LogResult.of(r.result().value()));
  }

  private static Reply write(KvmProcess process, KvmCall.WriteMemory c) {
    int done = 0;
    long r = 0;
    while (done < c.bytes().size() && r >= 0) {
      r = process.writeThroughKernel(c.addr() + done, c.bytes().get(done).intValue());
      done += r < 0 ? 0 : 1;
    }
    return CallRunner.plain(done == 0 ? r : done);
  }

  static Value.Struct countersValue(HostCounters c) {
    return new Value.Struct(
        List.of(
            Value.Field.of("locked_pages", Value.Num.of(c.lockedPages())),
            Value.Field.of("sec_page_tables", Value.Num.of(c.secondaryTablePages()))));
  }
}
