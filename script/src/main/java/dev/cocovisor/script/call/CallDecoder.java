package dev.cocovisor.script.call;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.script.text.LogCall;
import java.util.List;
import java.util.Set;

/**
 * Turns the words of a line into a typed call.
 *
 * <p>Symbols and numbers are equal, missing fields of a struct are 0, and arguments behind an
 * ellipsis are not asked for unless the call needs them.
 */
public final class CallDecoder {
  /** The names that calls have, for whoever misspells one. */
  public static final List<String> NAMES =
      List.of(
          "openat",
          "open",
          "close",
          "mmap",
          "munmap",
          "mremap",
          "mprotect",
          "mlock",
          "munlock",
          "madvise",
          "memfd_create",
          "dup",
          "fork_and_read",
          "child host_read",
          "vmsplice",
          "ioctl",
          "fallocate",
          "fstat",
          "ftruncate",
          "read",
          "write",
          "pread64",
          "pwrite64",
          "host_read",
          "host_write",
          "host_install_stub",
          "host_config",
          "kvm_stats",
          "host_counters",
          "host_young",
          "host_age",
          "setrlimit",
          "brk",
          "fcntl",
          "userfaultfd",
          "guest_read",
          "guest_write",
          "guest_fetch",
          "guest_hypercall",
          "guest_resume");

  private static final String GUEST = "guest_";

  private static final Set<String> CORE_ACTIONS =
      Set.of("read", "write", "fetch", "hypercall", "resume");

  private CallDecoder() {}

  /** Tells whether a line is a call or a guest's action that the notation knows. */
  public static boolean knows(LogCall call) {
    return NAMES.contains(call.name()) || call.name().startsWith(GUEST);
  }

  /**
   * Returns what a line means.
   *
   * @param file the log's name, for errors
   * @throws LogSyntaxException if the line is not a call that logs know
   */
  public static KvmCall decode(String file, LogCall call, Words words) {
    var a = new CallArgs(file, call, words);
    KvmCall typed = decode(call, a);
    a.end();
    return typed;
  }

  private static KvmCall decode(LogCall call, CallArgs a) {
    return switch (call.name()) {
      case "host_config" -> new KvmCall.HostSetup(a.fields(0));
      case "openat" -> new KvmCall.Open(a.text(1), a.hasFlag(2, "O_CREAT"));
      case "open" -> new KvmCall.Open(a.text(0), a.hasFlag(1, "O_CREAT"));
      case "close" -> a.isSymbol(0, "pipe") ? new KvmCall.ClosePipe() : new KvmCall.Close(a.fd(0));
      case "mmap" ->
          new KvmCall.Mmap(a.number(0), a.number(1), a.int32(2), a.int32(3), a.fd(4), a.number(5));
      case "munmap" -> new KvmCall.Munmap(a.number(0), a.number(1));
      case "mremap" ->
          new KvmCall.Mremap(
              a.number(0), a.number(1), a.number(2), a.int32(3), a.last() >= 4 ? a.number(4) : 0);
      case "mprotect" -> new KvmCall.Mprotect(a.number(0), a.number(1), a.int32(2));
      case "mlock" -> new KvmCall.Mlock(a.number(0), a.number(1), true);
      case "munlock" -> new KvmCall.Mlock(a.number(0), a.number(1), false);
      case "memfd_create" -> new KvmCall.MemfdCreate(a.text(0), a.number(1));
      case "dup" -> new KvmCall.Dup(a.fd(0));
      case "brk" -> new KvmCall.Brk(a.number(0));
      case "fcntl" -> new KvmCall.Fcntl(a.fd(0), a.int32(1), a.last() >= 2 ? a.number(2) : 0);
      case "userfaultfd" -> new KvmCall.OpenUserfault(a.number(0));
      case "fork_and_read" -> new KvmCall.ForkAndRead(a.number(0));
      case "child host_read" -> new KvmCall.ChildRead(a.number(0));
      case "vmsplice" -> KernelCalls.vmsplice(a);
      case "madvise" -> new KvmCall.Madvise(a.number(0), a.number(1), a.int32(2));
      case "fallocate" -> new KvmCall.Fallocate(a.fd(0), a.int32(1), a.number(2), a.number(3));
      case "fstat" -> new KvmCall.Fstat(a.fd(0));
      case "ftruncate" -> new KvmCall.Ftruncate(a.fd(0), a.number(1));
      // With strace's buffer in the middle or, as in recordings, without.
      case "read" ->
          a.isSymbol(0, "pipe")
              ? new KvmCall.KernelWrite(a.number(1), a.number(2))
              : new KvmCall.Read(a.fd(0), a.number(a.last()));
      case "write" ->
          a.isSymbol(0, "pipe")
              ? new KvmCall.KernelRead(a.number(1), a.number(2))
              : new KvmCall.Write(a.fd(0), a.number(a.last()));
      case "setrlimit" -> KernelCalls.setrlimit(a);
      case "host_counters" -> new KvmCall.Counters();
      case "host_young" -> new KvmCall.Young(a.number(0), a.number(1), false);
      case "host_age" -> new KvmCall.Young(a.number(0), a.number(1), true);
      case "pread64" ->
          KernelCalls.isOwnMemory(a)
              ? KernelCalls.pread(a)
              : new KvmCall.Pread(a.fd(0), a.number(a.last() - 1), a.number(a.last()));
      case "pwrite64" ->
          KernelCalls.isOwnMemory(a)
              ? KernelCalls.pwrite(a)
              : new KvmCall.Pwrite(a.fd(0), a.number(a.last() - 1), a.number(a.last()));
      case "host_read" -> new KvmCall.HostRead(a.number(0));
      case "host_write" -> new KvmCall.HostWrite(a.number(0), a.int32(1));
      case "host_install_stub" -> new KvmCall.HostInstallStub(a.number(0));
      case "kvm_stats" -> new KvmCall.Stats(a.fd(0));
      case "ioctl" -> ioctl(a);
      default -> {
        if (!call.name().startsWith(GUEST)) {
          throw a.refused(call.columnOf(-1), "call", call.name(), NAMES);
        }
        yield guest(a, call.name().substring(GUEST.length()));
      }
    };
  }

  private static KvmCall guest(CallArgs a, String what) {
    long fd = a.fd(0);
    if (!CORE_ACTIONS.contains(what)) {
      return new KvmCall.GuestRun(fd, what, new GuestAction.Vendor(what, a.fields(1)));
    }
    long code = a.field(1, "code", GuestAction.NO_CODE);
    boolean encrypted = a.field(1, "encrypted", 1) != 0;
    GuestAction action =
        switch (what) {
          case "read" -> new GuestAction.Read(a.field(1, "gpa"), code, encrypted);
          case "write" ->
              new GuestAction.Write(
                  a.field(1, "gpa"), (int) a.field(1, "value") & 0xff, code, encrypted);
          case "fetch" -> new GuestAction.Fetch(a.field(1, "gpa"), encrypted);
          case "hypercall" ->
              new GuestAction.Hypercall(
                  a.field(1, "nr"),
                  new long[] {
                    a.field(1, "gpa", 0), a.field(1, "npages", 0), a.field(1, "attributes", 0), 0
                  },
                  code);
          default -> new GuestAction.Resume(a.field(1, "ret"));
        };
    return new KvmCall.GuestRun(fd, what, action);
  }

  private static KvmCall ioctl(CallArgs a) {
    long fd = a.fd(0);
    String name = a.ioctl(1);
    if (ProcessCalls.isUserfault(name)) {
      return ProcessCalls.userfault(a, fd, name);
    }
    return switch (name) {
      case "KVM_CREATE_VM" -> new KvmCall.CreateVm(fd, a.number(2));
      case "KVM_CREATE_VCPU" -> new KvmCall.CreateVcpu(fd, a.number(2));
      case "KVM_CHECK_EXTENSION" -> new KvmCall.CheckExtension(fd, a.number(2));
      case "KVM_GET_STATS_FD" -> new KvmCall.GetStatsFd(fd);
      case "KVM_ENABLE_CAP" ->
          new KvmCall.EnableCap(
              fd, a.field(2, "cap"), a.field(2, "flags", 0), a.field(2, "args[0]", 0));
      case "KVM_CREATE_GUEST_MEMFD" ->
          new KvmCall.CreateGuestMemfd(fd, a.field(2, "size"), a.field(2, "flags", 0));
      case "KVM_SET_USER_MEMORY_REGION", "KVM_SET_USER_MEMORY_REGION2" -> {
        // The structure of 2022 was the first version's, extended by a private descriptor.
        boolean extended = a.hasField(2, "private_fd");
        yield new KvmCall.SetRegion(
            fd,
            extended || name.endsWith("2"),
            a.field(2, "slot"),
            a.field(2, "flags", 0),
            a.field(2, "guest_phys_addr"),
            a.field(2, "memory_size"),
            a.field(2, "userspace_addr", 0),
            a.field(2, extended ? "private_offset" : "guest_memfd_offset", 0),
            a.field(2, extended ? "private_fd" : "guest_memfd", -1));
      }
      case "KVM_SET_MEMORY_ATTRIBUTES" ->
          new KvmCall.SetAttributes(
              fd,
              a.field(2, "address"),
              a.field(2, "size"),
              a.field(2, "attributes"),
              a.field(2, "flags", 0));
      case "KVM_SET_MEMORY_ATTRIBUTES2" ->
          a.isStruct(2)
              ? new KvmCall.SetAttributes2(
                  fd,
                  a.field(2, "offset"),
                  a.field(2, "size"),
                  a.field(2, "attributes"),
                  a.field(2, "flags", 0) | a.reserved(2),
                  true)
              : new KvmCall.SetAttributes2(fd, 0, 0, 0, 0, false);
      case "KVM_PRE_FAULT_MEMORY" ->
          new KvmCall.PreFault(
              fd, false, a.field(2, "gpa"), a.field(2, "size"), a.field(2, "flags", 0));
      case "KVM_MAP_MEMORY" ->
          new KvmCall.PreFault(
              fd, true, a.field(2, "base_address"), a.field(2, "size"), a.field(2, "flags", 0));
      case "KVM_MEMORY_ENCRYPT_OP" ->
          a.isSymbol(2, VendorCommand.NONE)
              ? new KvmCall.MemoryEncryptOp(fd, new VendorCommand(VendorCommand.NONE, new Fields()))
              : new KvmCall.MemoryEncryptOp(
                  fd, new VendorCommand(a.symbol(2, "id"), a.without(2, "id")));
      case "KVM_RUN" ->
          new KvmCall.GuestRun(fd, "run", new GuestAction.Vendor("run", new Fields()));
      case "KVM_SET_NR_MMU_PAGES" -> new KvmCall.SetNrMmuPages(fd, a.number(2));
      case "KVM_GET_DIRTY_LOG" ->
          new KvmCall.GetDirtyLog(
              fd, a.field(2, "slot"), a.field(2, "dirty_bitmap", KvmCall.NO_ADDRESS));
      case "KVM_CLEAR_DIRTY_LOG" -> {
        long[] words = a.words(2, "dirty_bitmap");
        yield new KvmCall.ClearDirtyLog(
            fd,
            a.field(2, "slot"),
            a.field(2, "first_page", 0),
            a.field(2, "num_pages"),
            words == null ? a.field(2, "dirty_bitmap") : KvmCall.NO_ADDRESS,
            words == null ? new long[0] : words);
      }
      case "KVM_MEMORY_ENCRYPT_REG_REGION", "KVM_MEMORY_ENCRYPT_UNREG_REGION" ->
          new KvmCall.MemoryEncryptRegion(
              fd, name.contains("_REG_"), a.field(2, "addr"), a.field(2, "size"));
      default -> new KvmCall.VendorIoctl(fd, new VendorCommand(name, a.fieldsOrArgument(2)));
    };
  }
}
