package dev.cocovisor.script.call;

import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.MemoryFiles;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** brk, fcntl and userfaultfd: from words to calls, and their answers. */
final class ProcessCalls {
  private static final String USERFAULT = "UFFDIO_";
  private static final int F_DUPFD = 0;
  private static final int F_DUPFD_CLOEXEC = 1030;

  private ProcessCalls() {}

  static boolean isUserfault(String ioctl) {
    return ioctl.startsWith(USERFAULT);
  }

  /** {@code {start, len, mode}}, {@code {dst, src, len, mode}} or {@code {api, features}}. */
  static KvmCall userfault(CallArgs a, long fd, String request) {
    boolean copy = request.equals("UFFDIO_COPY");
    if (request.equals("UFFDIO_API")) {
      long features = a.field(2, "features", 0);
      return new KvmCall.Userfault(fd, request, a.field(2, "api"), features, 0, 0);
    }
    return new KvmCall.Userfault(
        fd,
        request,
        a.field(2, copy ? "dst" : "start"),
        copy ? a.field(2, "src") : 0,
        a.field(2, "len"),
        a.field(2, "mode", 0));
  }

  /** Tells whether a call opens a descriptor, which the log names. */
  static boolean opens(KvmCall.OfProcess call) {
    return switch (call) {
      case KvmCall.OpenUserfault _ -> true;
      case KvmCall.Fcntl c -> c.cmd() == F_DUPFD || c.cmd() == F_DUPFD_CLOEXEC;
      default -> false;
    };
  }

  /** Carries a call out; {@code fd} is the model's descriptor of the one the call names. */
  static Reply run(
      KvmProcess process, KvmCall.OfProcess call, int fd, @Nullable LogResult expected) {
    MemoryFiles files = process.memoryFiles();
    return switch (call) {
      case KvmCall.Brk c -> brk(files, c.addr(), expected);
      case KvmCall.Fcntl c -> CallRunner.plain(files.fcntl(fd, c.cmd(), c.arg()));
      case KvmCall.OpenUserfault c -> CallRunner.plain(files.userfaultfd(c.flags()));
      case KvmCall.Userfault c -> userfault(files, fd, c);
    };
  }

  /** Where the heap begins is the loader's, which only the log knows. */
  private static Reply brk(MemoryFiles files, long addr, @Nullable LogResult expected) {
    Long told = expected == null || expected.isError() ? null : Symbols.number(expected.value());
    long end = files.brk(addr, addr == 0 && told != null ? told : 0);
    return Reply.of(LogResult.of(Value.Num.hex(end)));
  }

  private static Reply userfault(MemoryFiles files, int fd, KvmCall.Userfault c) {
    return switch (c.request()) {
      case "UFFDIO_API" -> CallRunner.ioctl(files.uffdApi(fd, c.first()));
      case "UFFDIO_REGISTER" ->
          CallRunner.ioctl(files.uffdRegister(fd, c.first(), c.len(), c.mode()));
      case "UFFDIO_UNREGISTER" -> CallRunner.ioctl(files.uffdUnregister(fd, c.first(), c.len()));
      case "UFFDIO_COPY" ->
          filled(files.uffdCopy(fd, c.first(), c.src(), c.len(), c.mode()), c.len(), "copy");
      case "UFFDIO_ZEROPAGE" ->
          filled(files.uffdFill(fd, c.first(), c.len(), c.mode(), false), c.len(), "zeropage");
      case "UFFDIO_CONTINUE" ->
          filled(files.uffdFill(fd, c.first(), c.len(), c.mode(), true), c.len(), "mapped");
      case "UFFDIO_WRITEPROTECT" ->
          CallRunner.ioctl(files.uffdWriteProtect(fd, c.first(), c.len(), c.mode()));
      // Nobody waits where one call follows the other.
      case "UFFDIO_WAKE" -> CallRunner.ioctl(0);
      default -> Reply.of(LogResult.failed("EINVAL"));
    };
  }

  /** What was not done whole is EAGAIN, with how much was. */
  private static Reply filled(long done, long len, String field) {
    Reply answer =
        done < 0 || done == len
            ? CallRunner.plain(Math.min(done, 0))
            : Reply.of(LogResult.failed("EAGAIN"));
    var written = new Value.Struct(List.of(Value.Field.of(field, Value.Num.hex(done))));
    return new Reply(answer.result(), written, false);
  }
}
