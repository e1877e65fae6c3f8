package dev.cocovisor.live.kvm;

import static dev.cocovisor.live.agent.Syscall.*;

import dev.cocovisor.api.Capability;
import dev.cocovisor.core.host.PageStats;
import dev.cocovisor.live.agent.Agent;
import dev.cocovisor.live.agent.AgentArch;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.LogDescriptors;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.call.Symbols;
import dev.cocovisor.script.call.Words;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/**
 * A process that carries out a log's calls on this machine's kernel, as {@link CallRunner} does on
 * the model. Close it: everything it made ends with it.
 */
final class LiveProcess implements AutoCloseable {
  /** Where kvm_run pages lie, each behind the one before. */
  private static final long RUN_PAGES = 0x1c_0e00_0000L;

  /** A name of a descriptor that logs do not use. */
  private static final long UNNAMED = 100_000;

  private final Machine machine;
  private final Agent agent;
  private final Kernel kernel;
  private final UserMemoryCalls memory;
  private final StructuredIoctls ioctls;
  private final GuestStub stub;
  private final RunPage runPage;
  private final Words words;
  private final LogDescriptors fds = new LogDescriptors();
  private final Map<Long, LiveVcpu> vcpus = new LinkedHashMap<>();
  private final SequencedMap<Long, StatsCounters> counters = new LinkedHashMap<>();
  private long stubAt;
  private long runPages;
  private long unnamed = UNNAMED;

  /**
   * Starts a process that has made no call yet.
   *
   * @param timeoutMillis how long one call may take
   */
  LiveProcess(Machine machine, Words words, int timeoutMillis) {
    this.machine = machine;
    this.words = words;
    this.agent = Agent.start(timeoutMillis);
    this.kernel = new Kernel(agent);
    this.memory = new UserMemoryCalls(kernel);
    this.ioctls = new StructuredIoctls(kernel);
    this.runPage = new RunPage(kernel);
    this.stub =
        agent.processor() == AgentArch.X86_64
            ? new X86Stub(kernel, machine)
            : new Arm64Stub(kernel);
  }

  /** Ends the process by itself after some seconds, even if nobody is left to end it. */
  void endsAfter(long seconds) {
    agent.endsAfter(seconds);
  }

  /** Returns the names of a VM's open vCPUs. */
  List<Long> vcpusOf(long vm) {
    return fds.vcpusOf(vm);
  }

  /** Returns the names of the VMs whose pages this kernel counts, in the order of their making. */
  List<Long> counted() {
    return List.copyOf(counters.keySet());
  }

  /** Returns a VM's page counters; null if it has none. */
  @Nullable PageStats stats(long vm) {
    StatsCounters c = counters.get(vm);
    return c == null ? null : c.now();
  }

  /**
   * Carries out a call.
   *
   * @param expected what the log says it returned, which names new descriptors and mappings
   * @throws Unsupported if this kernel, processor or stub has no way to
   * @throws dev.cocovisor.live.agent.AgentException if the call does not return in time
   */
  Reply run(KvmCall call, @Nullable LogResult expected) {
    return switch (call) {
      case KvmCall.HostSetup _ -> throw new Unsupported("host_config behind the first call");
      case KvmCall.Open c -> open(c, expected);
      case KvmCall.CreateVm c -> createVm(c, expected);
      case KvmCall.CreateVcpu c -> createVcpu(c, expected);
      case KvmCall.CreateGuestMemfd c ->
          opened(ioctls.createGuestMemfd(fd(c.fd()), c.size(), c.flags()), expected);
      case KvmCall.Close c -> close(c.fd());
      case KvmCall.Mmap c -> mmap(c, expected);
      case KvmCall.Munmap c -> memory.plain(MUNMAP, c.addr(), c.len());
      case KvmCall.Mremap c -> memory.mremap(c);
      case KvmCall.Mprotect c -> memory.plain(MPROTECT, c.addr(), c.len(), c.prot());
      case KvmCall.Mlock c -> memory.plain(c.lock() ? MLOCK : MUNLOCK, c.addr(), c.len());
      case KvmCall.MemfdCreate c -> opened(memory.memfdCreate(c), expected);
      case KvmCall.Dup c -> dup(c, expected);
      case KvmCall.ForkAndRead c -> memory.forkAndRead(c.addr());
      case KvmCall.ChildRead _ -> throw new Unsupported("child host_read; use fork_and_read");
      case KvmCall.Madvise c -> memory.plain(MADVISE, c.addr(), c.len(), c.advice());
      case KvmCall.GetStatsFd c ->
          opened(kernel.ioctl(fd(c.fd()), Kernel.GET_STATS_FD, 0), expected);
      case KvmCall.CheckExtension c ->
          Replies.plain(kernel.ioctl(fd(c.fd()), Kernel.CHECK_EXTENSION, c.cap()));
      case KvmCall.EnableCap c -> Replies.plain(enableCap(c));
      case KvmCall.SetRegion c ->
          Replies.plain(ioctls.setRegion(fd(c.fd()), fd(c.guestMemfd()), c));
      case KvmCall.SetAttributes c -> Replies.plain(ioctls.setAttributes(fd(c.fd()), c));
      case KvmCall.SetAttributes2 c -> ioctls.setAttributes2(fd(c.fd()), c);
      case KvmCall.PreFault c -> ioctls.preFault(fd(c.fd()), c);
      case KvmCall.GetDirtyLog c -> ioctls.getDirtyLog(fd(c.fd()), c);
      case KvmCall.ClearDirtyLog c -> Replies.plain(ioctls.clearDirtyLog(fd(c.fd()), c));
      case KvmCall.SetNrMmuPages c ->
          Replies.plain(kernel.ioctl(fd(c.fd()), Kernel.SET_NR_MMU_PAGES, c.pages()));
      case KvmCall.Fallocate c -> memory.plain(FALLOCATE, fd(c.fd()), c.mode(), c.off(), c.len());
      case KvmCall.Fstat c -> memory.fstat(fd(c.fd()));
      case KvmCall.Ftruncate c -> memory.plain(FTRUNCATE, fd(c.fd()), c.length());
      case KvmCall.Read c -> memory.reads(READ, fd(c.fd()), c.count(), 0);
      case KvmCall.Write c -> memory.writes(WRITE, fd(c.fd()), c.count(), 0);
      case KvmCall.Pread c -> memory.reads(PREAD64, fd(c.fd()), c.count(), c.off());
      case KvmCall.Pwrite c -> memory.writes(PWRITE64, fd(c.fd()), c.count(), c.off());
      case KvmCall.KernelRead c -> memory.kernelRead(c.addr(), c.len());
      case KvmCall.OfKernel c -> memory.ofKernel(c);
      case KvmCall.OfProcess _ -> throw new Unsupported("brk, fcntl and userfaultfd");
      case KvmCall.HostRead c -> memory.load(c.addr());
      case KvmCall.HostWrite c -> memory.store(c.addr(), c.value());
      case KvmCall.HostInstallStub c -> installStub(c.addr());
      case KvmCall.GuestRun c -> guest(c);
      case KvmCall.MemoryEncryptOp c ->
          throw new Unsupported("KVM_MEMORY_ENCRYPT_OP " + c.command().name());
      case KvmCall.MemoryEncryptRegion _ -> throw new Unsupported("KVM_MEMORY_ENCRYPT_REG_REGION");
      case KvmCall.VendorIoctl c -> vendorIoctl(c);
      case KvmCall.Stats c -> stats(c);
    };
  }

  private long fd(long name) {
    return fds.of(name);
  }

  private static long chosen(@Nullable LogResult expected) {
    Long n = expected == null || expected.isError() ? null : Symbols.number(expected.value());
    return n == null ? 0 : n;
  }

  /** A log that says 0 does not keep the address, and its programs do not use it. */
  private Reply mmap(KvmCall.Mmap c, @Nullable LogResult expected) {
    Reply reply = memory.mmap(c, fd(c.fd()), chosen(expected));
    boolean kept = expected == null || expected.isError() || c.addr() != 0 || chosen(expected) != 0;
    return kept || reply.result().isError() ? reply : Replies.plain(0);
  }

  private Reply opened(long fd, @Nullable LogResult expected) {
    if (fd < 0) {
      return Replies.plain(fd);
    }
    // Where the log has no descriptor, this one gets a name that the log never uses.
    boolean named = expected != null && !expected.isError() && chosen(expected) > 0;
    long name = named ? chosen(expected) : expected == null ? fds.nameFor((int) fd) : unnamed++;
    fds.bind(name, (int) fd);
    return new Reply(LogResult.of(Value.Num.of(name)), null, true);
  }

  private static long nameOf(Reply reply) {
    return reply.result().value() instanceof Value.Num n ? n.value() : -1;
  }

  private Reply open(KvmCall.Open c, @Nullable LogResult expected) {
    if (!c.path().equals("/dev/kvm")) {
      throw new Unsupported("openat of " + c.path() + ": only /dev/kvm is opened");
    }
    return opened(kernel.open(c.path()), expected);
  }

  private Reply createVm(KvmCall.CreateVm c, @Nullable LogResult expected) {
    Reply reply = opened(kernel.ioctl(fd(c.fd()), Kernel.CREATE_VM, c.type()), expected);
    if (reply.opened()) {
      StatsCounters of = StatsCounters.of(kernel, fd(nameOf(reply)));
      if (of != null) {
        counters.put(nameOf(reply), of);
      }
    }
    return reply;
  }

  private Reply createVcpu(KvmCall.CreateVcpu c, @Nullable LogResult expected) {
    Reply reply = opened(kernel.ioctl(fd(c.fd()), Kernel.CREATE_VCPU, c.id()), expected);
    if (reply.opened()) {
      long name = nameOf(reply);
      long fd = fd(name);
      fds.bindVcpu(name, (int) fd, c.fd());
      long at = RUN_PAGES + runPages++ * machine.runPageSize();
      if (runPage.map(fd, at, machine.runPageSize()) == at) {
        vcpus.put(name, new LiveVcpu(fd, c.fd(), at));
      }
    }
    return reply;
  }

  /** A vCPU's other descriptor runs the same vCPU, until the last of them is closed. */
  private Reply dup(KvmCall.Dup c, @Nullable LogResult expected) {
    Reply reply = opened(kernel.call(DUP, fd(c.fd())), expected);
    LiveVcpu vcpu = vcpus.get(c.fd());
    if (reply.opened() && vcpu != null) {
      vcpus.put(nameOf(reply), vcpu.by(fd(nameOf(reply))));
    }
    return reply;
  }

  /** A VM lives until the last of its descriptors, mappings of them and counters are gone. */
  private Reply close(long name) {
    LiveVcpu vcpu = vcpus.remove(name);
    if (vcpu != null && vcpus.values().stream().noneMatch(v -> v.run() == vcpu.run())) {
      runPage.unmap(vcpu, machine.runPageSize());
    }
    StatsCounters c = counters.remove(name);
    if (c != null) {
      var _ = kernel.call(CLOSE, c.fd());
    }
    Reply reply = Replies.plain(kernel.call(CLOSE, fd(name)));
    fds.unbind(name);
    return reply;
  }

  private long enableCap(KvmCall.EnableCap c) {
    boolean names =
        c.cap() == Capability.KVM_CAP_VM_COPY_ENC_CONTEXT_FROM.number()
            || c.cap() == Capability.KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM.number();
    return ioctls.enableCap(fd(c.fd()), c, names ? fd(c.arg0()) : c.arg0());
  }

  private Reply installStub(long address) {
    byte[] code = stub.code();
    for (int i = 0; i < code.length; i++) {
      kernel.put8(Kernel.DATA + i, code[i]);
    }
    stubAt = address;
    return Replies.touched(agent.copy(address, kernel.data(), code.length));
  }

  /** A page that was discarded reads as zeros, which are instructions too, but nobody's action. */
  private void needStub(String what) {
    byte[] code = stub.code();
    if (stubAt == 0 || agent.copy(kernel.data(), stubAt, code.length) != 0) {
      return;
    }
    for (int i = 0; i < code.length; i++) {
      if ((byte) kernel.get8(Kernel.DATA + i) != code[i]) {
        throw new Unsupported("guest_" + what + ": its code is no longer in its page");
      }
    }
  }

  private Reply guest(KvmCall.GuestRun c) {
    LiveVcpu vcpu = vcpus.get(c.fd());
    if (vcpu == null) {
      // No vCPU: the kernel says what is wrong with that.
      return Replies.plain(kernel.ioctl(fd(c.fd()), Kernel.RUN, 0));
    }
    needStub(c.what());
    return CallRunner.ran(stub.run(vcpu, c), c.what(), words);
  }

  /** An ioctl without a structure, if it has a number here. */
  private Reply vendorIoctl(KvmCall.VendorIoctl c) {
    if (stub instanceof Arm64Stub arm && c.command().name().equals("KVM_ARM_VCPU_INIT")) {
      return armInit(arm, c);
    }
    Long request = Symbols.ioctlNumber(c.command().name());
    Object arg = c.command().in().asMap().getOrDefault("arg", 0L);
    if (request == null || request >>> 16 != 0 || !(arg instanceof Long number)) {
      throw new Unsupported(c.command().name());
    }
    return Replies.plain(kernel.ioctl(fd(c.fd()), request, number));
  }

  /** Which processor a vCPU is like, the host says; a log says which features it has. */
  private Reply armInit(Arm64Stub arm, KvmCall.VendorIoctl c) {
    LiveVcpu vcpu = vcpus.get(c.fd());
    if (vcpu != null) {
      vcpu.setReady(false);
    }
    return Replies.plain(
        arm.init(
            vcpu == null ? -1 : fd(vcpu.vm()),
            fd(c.fd()),
            c.command().in().number("features[0]", 0)));
  }

  private Reply stats(KvmCall.Stats c) {
    PageStats now = stats(c.fd());
    return now == null
        ? Reply.of(LogResult.failed("EBADF"))
        : Reply.of(LogResult.of(CallRunner.statsValue(now)));
  }

  @Override
  public void close() {
    agent.close();
  }
}
