package dev.cocovisor.script.call;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.core.gmem.Conversion;
import dev.cocovisor.core.host.FileStat;
import dev.cocovisor.core.host.HostCounters;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.PageStats;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** Carries out typed calls on a process of the model. */
public final class CallRunner {
  /** How the name of a field ends that is a descriptor. */
  private static final String DESCRIPTOR = "_fd";

  /** MAX_ERRNO, negative: what a system call answers below is no error. */
  private static final int LOWEST_ERROR = -4095;

  private static final int O_ANY_PROT = 0x7;
  private static final int MAP_FIXED_NOREPLACE = 0x100000;

  /** With this status a recorder's child ends that took a signal. */
  private static final long CHILD_FAULTED = 201;

  private final KvmProcess process;
  private final LogDescriptors fds;
  private final Words words;

  /** Creates the runner of one process and its log's descriptors. */
  public CallRunner(KvmProcess process, LogDescriptors fds, Words words) {
    this.process = process;
    this.fds = fds;
    this.words = words;
  }

  /** Returns the process. */
  public KvmProcess process() {
    return process;
  }

  /**
   * Carries out one call.
   *
   * @param expected what the log says it returned, which names new descriptors and mappings; or
   *     null
   */
  public Reply run(KvmCall call, @Nullable LogResult expected) {
    return switch (call) {
      case KvmCall.Open c ->
          opened(
              c.path().equals("/dev/kvm")
                  ? process.openDevKvm()
                  : process.openFile(c.path(), c.create()),
              expected);
      case KvmCall.CreateVm c -> opened(process.createVm(fd(c.fd()), c.type()), expected);
      case KvmCall.CreateVcpu c -> openedVcpu(c, expected);
      case KvmCall.CreateGuestMemfd c ->
          opened(process.createGuestMemfd(fd(c.fd()), c.size(), c.flags()), expected);
      case KvmCall.GetStatsFd c -> opened(process.getStatsFd(fd(c.fd())), expected);
      case KvmCall.Close c -> close(c.fd());
      case KvmCall.Mmap c -> mmap(c, expected);
      case KvmCall.Munmap c -> plain(process.munmap(c.addr(), c.len()));
      case KvmCall.Mremap c -> mremap(c, expected);
      case KvmCall.Mprotect c -> plain(process.mprotect(c.addr(), c.len(), c.prot()));
      case KvmCall.Mlock c ->
          plain(c.lock() ? process.mlock(c.addr(), c.len()) : process.munlock(c.addr(), c.len()));
      case KvmCall.MemfdCreate c ->
          opened(process.memoryFiles().memfdCreate(c.name(), c.flags()), expected);
      case KvmCall.Dup c -> opened(process.dup(fd(c.fd())), expected);
      case KvmCall.ForkAndRead c -> forkAndRead(c.addr());
      case KvmCall.ChildRead c -> touched(process.forkAndRead(c.addr()));
      case KvmCall.Madvise c -> plain(process.madvise(c.addr(), c.len(), c.advice()));
      case KvmCall.CheckExtension c -> ioctl(process.checkExtension(fd(c.fd()), c.cap()));
      case KvmCall.EnableCap c -> ioctl(enableCap(c));
      case KvmCall.SetRegion c -> ioctl(setRegion(c));
      case KvmCall.SetAttributes c ->
          ioctl(
              process.setMemoryAttributes(
                  fd(c.fd()), c.address(), c.size(), c.attributes(), c.flags()));
      case KvmCall.SetAttributes2 c -> setAttributes2(c);
      case KvmCall.PreFault c -> preFault(c);
      case KvmCall.GetDirtyLog c -> getDirtyLog(c);
      case KvmCall.ClearDirtyLog c -> ioctl(clearDirtyLog(c));
      case KvmCall.SetNrMmuPages c -> ioctl(process.setNrMmuPages(fd(c.fd()), c.pages()));
      case KvmCall.Fallocate c -> plain(process.fallocate(fd(c.fd()), c.mode(), c.off(), c.len()));
      case KvmCall.Fstat c -> fstat(c);
      case KvmCall.Ftruncate c -> plain(process.ftruncate(fd(c.fd()), c.length()));
      case KvmCall.Read c -> reads(into -> process.read(fd(c.fd()), c.count(), into));
      case KvmCall.Write c -> plain(process.write(fd(c.fd()), c.count()));
      case KvmCall.Pread c -> reads(into -> process.pread(fd(c.fd()), c.count(), c.off(), into));
      case KvmCall.Pwrite c -> plain(process.pwrite(fd(c.fd()), c.count(), c.off()));
      case KvmCall.KernelRead c -> plain(process.kernelRead(c.addr(), c.len()));
      case KvmCall.OfKernel c -> KernelCalls.run(process, c);
      case KvmCall.OfProcess c -> ofProcess(c, expected);
      case KvmCall.HostRead c -> touched(process.hostRead(c.addr()));
      case KvmCall.HostWrite c -> touched(process.hostWrite(c.addr(), c.value()));
      case KvmCall.HostInstallStub c -> touched(process.hostInstallStub(c.addr()));
      case KvmCall.GuestRun c -> guest(c);
      case KvmCall.MemoryEncryptOp c -> {
        VendorCommand command = withDescriptors(c.command());
        yield vendor(process.memoryEncryptOp(fd(c.fd()), command), command);
      }
      case KvmCall.MemoryEncryptRegion c ->
          ioctl(process.memoryEncryptRegion(fd(c.fd()), c.register(), c.addr(), c.size()));
      case KvmCall.VendorIoctl c ->
          vendor(process.vendorIoctl(fd(c.fd()), c.command()), c.command());
      case KvmCall.Stats c -> stats(c);
      case KvmCall.HostSetup _ -> throw new IllegalArgumentException("the host runs already");
    };
  }

  /** Closes a VM's vCPUs, given by the log's names. */
  public void closeAll(List<Long> names) {
    for (long name : names) {
      var _ = close(name);
    }
  }

  /** Fields of a vendor's command that end in {@code _fd} name descriptors, as the log has them. */
  private VendorCommand withDescriptors(VendorCommand command) {
    Map<String, Object> in = command.in().asMap();
    if (in.keySet().stream().noneMatch(name -> name.endsWith(DESCRIPTOR))) {
      return command;
    }
    Fields own = new Fields();
    in.forEach((name, value) ->
        own.putAny(
            name, name.endsWith(DESCRIPTOR) && value instanceof Long n ? (long) fd(n) : value));
    return new VendorCommand(command.name(), own, command.out());
  }

  private int fd(long name) {
    return fds.of(name);
  }

  private Reply opened(long fd, @Nullable LogResult expected) {
    if (fd < 0) {
      return ioctl(fd);
    }
    if (expected != null && expected.isError()) {
      // The log's process has no such file: it must not live on here either.
      var _ = process.close((int) fd);
      return new Reply(LogResult.of(Value.Num.of(fd)), null, true);
    }
    Long named = expected == null ? null : Symbols.number(expected.value());
    long name = named == null ? fds.nameFor((int) fd) : named;
    fds.bind(name, (int) fd);
    return new Reply(LogResult.of(Value.Num.of(name)), null, true);
  }

  private Reply openedVcpu(KvmCall.CreateVcpu c, @Nullable LogResult expected) {
    Reply reply = opened(process.createVcpu(fd(c.fd()), c.id()), expected);
    Long name = reply.opened() ? Symbols.number(reply.result().value()) : null;
    if (name != null && fds.isBound(name)) {
      fds.bindVcpu(name, fds.of(name), c.fd());
    }
    return reply;
  }

  /** Two capabilities name another VM by its descriptor. */
  private long enableCap(KvmCall.EnableCap c) {
    boolean names =
        c.cap() == Capability.KVM_CAP_VM_COPY_ENC_CONTEXT_FROM.number()
            || c.cap() == Capability.KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM.number();
    long arg = names ? fd(c.arg0()) : c.arg0();
    return process.enableCap(fd(c.fd()), c.cap(), c.flags(), arg);
  }

  private Reply close(long name) {
    Reply reply = plain(process.close(fd(name)));
    fds.unbind(name);
    return reply;
  }

  private Reply mmap(KvmCall.Mmap c, @Nullable LogResult expected) {
    long addr = c.addr();
    if (addr == 0 && expected != null && !expected.isError()) {
      // The kernel's choice is the log's; 0 stands for an address the recorder did not keep.
      Long chosen = Symbols.number(expected.value());
      addr = chosen == null ? 0 : chosen;
    }
    boolean mapped = expected != null && !expected.isError();
    if (mapped
        && (c.flags() & MAP_FIXED_NOREPLACE) != 0
        && !process.space().isFree(addr, c.len())) {
      // What the log shows mapped was free: the recorder took an older mapping away, unprinted.
      var _ = process.munmap(addr, c.len());
    }
    long ret = process.mmap(addr, c.len(), c.prot() & O_ANY_PROT, c.flags(), fd(c.fd()), c.off());
    if (ret < 0) {
      return plain(ret);
    }
    boolean kept = expected == null || expected.isError() || addr != 0;
    return Reply.of(LogResult.of(kept ? Value.Num.hex(ret) : Value.Num.of(0)));
  }

  private long setRegion(KvmCall.SetRegion c) {
    return c.v2()
        ? process.setUserMemoryRegion2(
            fd(c.fd()),
            c.slot(),
            c.flags(),
            c.guestPhysAddr(),
            c.memorySize(),
            c.userspaceAddr(),
            c.guestMemfdOffset(),
            fd(c.guestMemfd()))
        : process.setUserMemoryRegion(
            fd(c.fd()), c.slot(), c.flags(), c.guestPhysAddr(), c.memorySize(), c.userspaceAddr());
  }

  /** What is written back is the offset of an error, where there is one. */
  private Reply setAttributes2(KvmCall.SetAttributes2 c) {
    if (!c.readable()) {
      return ioctl(process.setMemoryAttributes2Unreadable(fd(c.fd())));
    }
    long[] offset = {Conversion.UNWRITTEN};
    long ret =
        process.setMemoryAttributes2(
            fd(c.fd()), c.offset(), c.size(), c.attributes(), c.flags(), offset);
    List<Value.Field> written =
        offset[0] == Conversion.UNWRITTEN
            ? List.of()
            : List.of(Value.Field.of("error_offset", Value.Num.hex(offset[0])));
    return new Reply(ioctl(ret).result(), new Value.Struct(written), false);
  }

  private Reply preFault(KvmCall.PreFault c) {
    long[] range = {c.gpa(), c.size()};
    long ret =
        c.map()
            ? process.mapMemory(fd(c.fd()), c.flags(), range)
            : process.preFaultMemory(fd(c.fd()), c.flags(), range);
    var written =
        new Value.Struct(
            List.of(
                Value.Field.of(c.map() ? "base_address" : "gpa", Value.Num.hex(range[0])),
                Value.Field.of("size", Value.Num.hex(range[1]))));
    boolean stuck = process.preFaultNeverReturned(fd(c.fd()));
    return new Reply(prefaulted(ret, stuck), written, false);
  }

  /**
   * What KVM_PRE_FAULT_MEMORY answered; {@code NEVER_RETURNS} where the real call would have gone
   * on until a signal came.
   */
  public static LogResult prefaulted(long ret, boolean neverReturns) {
    LogResult result = ioctl(ret).result();
    return neverReturns ? result.with(new LogResult.Exit("NEVER_RETURNS", List.of())) : result;
  }

  /** The words read, as what was written back, where the log itself keeps them. */
  private Reply getDirtyLog(KvmCall.GetDirtyLog c) {
    if (c.bitmap() != KvmCall.NO_ADDRESS) {
      return plain(process.getDirtyLog(fd(c.fd()), c.slot(), c.bitmap()));
    }
    var words = new ArrayList<Value>();
    long ret =
        process.getDirtyLog(
            fd(c.fd()),
            c.slot(),
            bits -> {
              for (long word : bits) {
                words.add(Value.Num.hex(word));
              }
              return Errno.OK;
            });
    if (ret < 0) {
      return plain(ret);
    }
    Value bitmap = new Value.Items(List.copyOf(words));
    var written = new Value.Struct(List.of(Value.Field.of("dirty_bitmap", bitmap)));
    return new Reply(plain(ret).result(), written, false);
  }

  /** Words that the log leaves out are 0. */
  private long clearDirtyLog(KvmCall.ClearDirtyLog c) {
    return c.bitmap() != KvmCall.NO_ADDRESS
        ? process.clearDirtyLog(fd(c.fd()), c.slot(), c.firstPage(), c.numPages(), c.bitmap())
        : process.clearDirtyLog(
            fd(c.fd()),
            c.slot(),
            c.firstPage(),
            c.numPages(),
            bits -> {
              System.arraycopy(c.words(), 0, bits, 0, Math.min(c.words().length, bits.length));
              return Errno.OK;
            });
  }

  /** What was read stands behind its length, in words of 64 bits, the first byte lowest. */
  private static Reply reads(ToLongFunction<Consumer<byte[]>> read) {
    var words = new ArrayList<Value>();
    long ret =
        read.applyAsLong(bytes -> {
          for (int i = 0; i < bytes.length; i += Long.BYTES) {
            long word = 0;
            for (int j = Math.min(i + Long.BYTES, bytes.length) - 1; j >= i; j--) {
              word = word << 8 | (bytes[j] & 0xff);
            }
            words.add(Value.Num.hex(word));
          }
        });
    LogResult result = plain(ret).result();
    if (words.isEmpty()) {
      return Reply.of(result);
    }
    Value.Field all = Value.Field.of("words", new Value.Items(List.copyOf(words)));
    return Reply.of(result.with(new LogResult.Exit("", List.of(all))));
  }

  private Reply fstat(KvmCall.Fstat c) {
    var stat = new FileStat();
    long ret = process.fstat(fd(c.fd()), stat);
    if (ret < 0) {
      return plain(ret);
    }
    var written =
        new Value.Struct(
            List.of(
                Value.Field.of("st_size", Value.Num.hex(stat.size())),
                Value.Field.of("st_blocks", Value.Num.of(stat.blocks())),
                Value.Field.of("st_blksize", Value.Num.of(stat.blksize()))));
    return new Reply(plain(ret).result(), written, false);
  }

  /** Where memory goes that may go anywhere is the log's. */
  private Reply mremap(KvmCall.Mremap c, @Nullable LogResult expected) {
    Long there = expected == null || expected.isError() ? null : Symbols.number(expected.value());
    long chosen = there == null ? 0 : there;
    long ret = process.mremap(c.addr(), c.oldLen(), c.newLen(), c.flags(), c.newAddr(), chosen);
    return ret < 0 ? plain(ret) : Reply.of(LogResult.of(Value.Num.hex(ret)));
  }

  private Reply ofProcess(KvmCall.OfProcess call, @Nullable LogResult expected) {
    long name =
        switch (call) {
          case KvmCall.Fcntl c -> c.fd();
          case KvmCall.Userfault c -> c.fd();
          default -> -1;
        };
    Reply reply = ProcessCalls.run(process, call, fd(name), expected);
    Long made = ProcessCalls.opens(call) ? Symbols.number(reply.result().value()) : null;
    return made == null || reply.result().isError() ? reply : opened(made, expected);
  }

  /** A child reads one byte of the memory it got; how it ended is its parent's answer. */
  private Reply forkAndRead(long addr) {
    long ret = process.forkAndRead(addr);
    return Reply.of(
        LogResult.of(
            ret >= 0
                ? new Value.Macro("byte", List.of(Value.Num.of(ret)))
                : new Value.Macro("SIG", List.of(Value.Num.of(CHILD_FAULTED)))));
  }

  private Reply guest(KvmCall.GuestRun c) {
    return ran(process.guestRun(fd(c.fd()), c.action()), c.what(), words);
  }

  public static Reply ran(RunResult run, String what, Words words) {
    LogResult result =
        run.errno().ok() ? LogResult.of(Value.Num.of(0)) : LogResult.failed(run.errno().name());
    return Reply.of(result.with(ExitValues.of(run.exit(), what, words)));
  }

  public static Reply vendor(long ret, VendorCommand command) {
    List<Value.Field> out = FieldValues.toEntries(command.out());
    return new Reply(ioctl(ret).result(), out.isEmpty() ? null : new Value.Struct(out), false);
  }

  private Reply stats(KvmCall.Stats c) {
    PageStats s = process.stats(fd(c.fd()));
    return s == null ? Reply.of(LogResult.failed("EBADF")) : Reply.of(LogResult.of(statsValue(s)));
  }

  public static Value.Struct statsValue(PageStats s) {
    var fields = new ArrayList<Value.Field>();
    fields.add(Value.Field.of("pages_4k", Value.Num.of(s.pages4k())));
    fields.add(Value.Field.of("pages_2m", Value.Num.of(s.pages2m())));
    fields.add(Value.Field.of("pages_1g", Value.Num.of(s.pages1g())));
    return new Value.Struct(List.copyOf(fields));
  }

  /** Returns what {@code host_counters} prints. */
  public static Value.Struct countersValue(HostCounters counters) {
    return KernelCalls.countersValue(counters);
  }

  public static Reply plain(long ret) {
    return Reply.of(
        ret < 0 && ret >= LOWEST_ERROR
            ? LogResult.failed(Errno.of((int) -ret).name())
            : LogResult.of(Value.Num.of(ret)));
  }

  /**
   * The answer of an ioctl.
   *
   * @throws IllegalStateException if it is none: neither at least 0 nor an error's number
   */
  static Reply ioctl(long ret) {
    if (ret < LOWEST_ERROR) {
      throw new IllegalStateException("an ioctl answered " + ret + ", which is no answer");
    }
    return plain(ret);
  }

  /** A load or store by the process: a fault is a signal. */
  public static Reply touched(long ret) {
    if (ret == KvmProcess.SIGBUS) {
      return Reply.of(LogResult.failed("SIGBUS"));
    }
    return ret == KvmProcess.SIGSEGV ? Reply.of(LogResult.failed("SIGSEGV")) : plain(ret);
  }
}
