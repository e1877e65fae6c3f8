package dev.cocovisor.live.kvm;

import static dev.cocovisor.live.agent.Syscall.*;

import dev.cocovisor.live.agent.Syscall;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.List;

/** The calls that have nothing to do with KVM: mappings, files, loads and stores. */
final class UserMemoryCalls {
  private static final long MAP_FIXED_NOREPLACE = 0x100000;
  private static final long MAP_FIXED = 0x10;
  private static final long SPLICE_F_NONBLOCK = 2;
  private static final long O_NONBLOCK = 0x800;
  private static final long RLIMIT_MEMLOCK = 8;
  private static final byte PIPE_BYTE = 7;

  private final Kernel kernel;
  private long pipeIn = -1;
  private long pipeOut = -1;
  private long holderIn = -1;
  private long holderOut = -1;
  private long ownMemory = -1;

  UserMemoryCalls(Kernel kernel) {
    this.kernel = kernel;
  }

  /** Maps memory; where the log lets the kernel choose, at the address the log names if it does. */
  Reply mmap(KvmCall.Mmap c, long fd, long chosen) {
    long addr = c.addr();
    long flags = c.flags() & 0xffffffffL;
    if (addr == 0 && chosen != 0 && (flags & MAP_FIXED) == 0) {
      addr = chosen;
      flags |= MAP_FIXED_NOREPLACE;
    }
    return Replies.address(kernel.call(MMAP, addr, c.len(), c.prot(), flags, fd, c.off()));
  }

  Reply mremap(KvmCall.Mremap c) {
    return Replies.address(
        kernel.call(MREMAP, c.addr(), c.oldLen(), c.newLen(), c.flags(), c.newAddr()));
  }

  Reply plain(Syscall call, long... args) {
    return Replies.plain(kernel.call(call, args));
  }

  /** read and pread64 into memory of the agent's own. */
  Reply reads(Syscall call, long fd, long count, long off) {
    return plain(call, fd, kernel.data(), count, off);
  }

  /** write and pwrite64 of zeros. */
  Reply writes(Syscall call, long fd, long count, long off) {
    return plain(call, fd, kernel.clearData(Math.max(count, 0)), count, off);
  }

  Reply fstat(long fd) {
    long ret = kernel.call(FSTAT, fd, kernel.struct(256).agent().scratchAddress());
    // struct stat of both processors: st_size, st_blksize, st_blocks. st_blksize is an int on
    // arm64.
    return ret < 0
        ? Replies.plain(ret)
        : Replies.written(
            ret,
            Value.Field.of("st_size", Value.Num.hex(kernel.get64(48))),
            Value.Field.of("st_blocks", Value.Num.of(kernel.get64(64))));
  }

  long memfdCreate(KvmCall.MemfdCreate c) {
    return kernel.call(MEMFD_CREATE, kernel.string(c.name()), c.flags());
  }

  Reply load(long address) {
    return Replies.touched(kernel.agent().load(address));
  }

  Reply store(long address, int value) {
    return Replies.touched(kernel.agent().store(address, value));
  }

  Reply forkAndRead(long address) {
    long status = kernel.agent().childLoads(address);
    if (status < 0) {
      return Replies.plain(status);
    }
    long byteRead = status >> 8 & 0xff;
    // 201 is how a child ends that took a signal.
    String word = byteRead == 201 ? "SIG" : "byte";
    return Reply.of(LogResult.of(new Value.Macro(word, List.of(Value.Num.of(byteRead)))));
  }

  /** Calls in which the kernel itself reads or writes the process's memory. */
  Reply ofKernel(KvmCall.OfKernel call) {
    return switch (call) {
      case KvmCall.ReadMemory c -> {
        long n = kernel.call(PREAD64, ownMemory(), kernel.data(), c.count(), c.addr());
        yield Replies.bytes(n, kernel.get8(Kernel.DATA));
      }
      case KvmCall.WriteMemory c -> {
        long from = kernel.clearData(c.bytes().size());
        for (int i = 0; i < c.bytes().size(); i++) {
          kernel.put8(Kernel.DATA + i, c.bytes().get(i));
        }
        yield Replies.plain(kernel.call(PWRITE64, ownMemory(), from, c.bytes().size(), c.addr()));
      }
      case KvmCall.HoldByPipe c -> hold(c);
      case KvmCall.ClosePipe _ -> closeHolder();
      case KvmCall.Splice c -> {
        openPipe();
        kernel.put64(0, c.addr()).put64(8, c.len());
        long n =
            kernel.call(VMSPLICE, pipeIn, kernel.agent().scratchAddress(), 1, SPLICE_F_NONBLOCK);
        drain();
        yield Replies.plain(n);
      }
      case KvmCall.KernelWrite c -> {
        openPipe();
        long from = kernel.clearData(c.len());
        for (long i = 0; i < Math.min(c.len(), 0x10000); i++) {
          kernel.put8(Kernel.DATA + i, PIPE_BYTE);
        }
        var _ = kernel.call(WRITE, pipeIn, from, Math.min(c.len(), 0x10000));
        long n = kernel.call(READ, pipeOut, c.addr(), c.len());
        drain();
        yield Replies.plain(n);
      }
      case KvmCall.SetMemlock c -> {
        kernel.put64(0, c.bytes()).put64(8, c.bytes());
        yield plain(SETRLIMIT, RLIMIT_MEMLOCK, kernel.agent().scratchAddress());
      }
      case KvmCall.Counters _ ->
          throw new Unsupported("host_counters: the host runs other programs");
      case KvmCall.Young c ->
          throw new Unsupported(
              (c.clear() ? "host_age" : "host_young") + ": no system call asks KVM for it");
    };
  }

  /** {@code write(pipe, ADDR, LEN)}. */
  Reply kernelRead(long addr, long len) {
    openPipe();
    long n = kernel.call(WRITE, pipeIn, addr, len);
    drain();
    return Replies.plain(n);
  }

  /** The pages stay in a pipe of their own. */
  private Reply hold(KvmCall.HoldByPipe c) {
    if (holderIn < 0) {
      var _ = kernel.call(PIPE2, kernel.agent().scratchAddress(), O_NONBLOCK);
      holderOut = kernel.get32(0);
      holderIn = kernel.get32(4);
    }
    kernel.put64(0, c.addr()).put64(8, c.len());
    return Replies.plain(
        kernel.call(VMSPLICE, holderIn, kernel.agent().scratchAddress(), 1, SPLICE_F_NONBLOCK));
  }

  private Reply closeHolder() {
    if (holderIn < 0) {
      return Replies.plain(0);
    }
    var _ = kernel.call(CLOSE, holderOut);
    long ret = kernel.call(CLOSE, holderIn);
    holderIn = -1;
    return Replies.plain(ret);
  }

  private void openPipe() {
    if (pipeIn < 0) {
      var _ = kernel.call(PIPE2, kernel.agent().scratchAddress(), O_NONBLOCK);
      pipeOut = kernel.get32(0);
      pipeIn = kernel.get32(4);
    }
  }

  private void drain() {
    long n = 1;
    while (n > 0) {
      n = kernel.call(READ, pipeOut, kernel.data(), 0x10000);
    }
  }

  private long ownMemory() {
    if (ownMemory < 0) {
      ownMemory = kernel.open("/proc/self/mem");
    }
    return ownMemory;
  }
}
