package dev.cocovisor.script.call;

import static dev.cocovisor.script.call.Calls.entry;
import static dev.cocovisor.script.call.Calls.fd;
import static dev.cocovisor.script.call.Calls.hex;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The system calls of a process, each kept as the line a call log has for it.
 *
 * <p>What was kept replays: the lines begin with the host's set-up, every call carries its answer,
 * and descriptors and addresses are the process's own. Calls made past the recorder are not seen,
 * so make all of them through it. Not thread-safe.
 */
public final class CallRecorder implements VmmCalls {
  private final KvmProcess process;
  private final List<LogCall> calls = new ArrayList<>();
  private final Words words;
  private final Consumer<LogCall> each;

  /** Starts to record a process that has made no call yet. */
  public CallRecorder(KvmProcess process) {
    this(process, _ -> {});
  }

  /**
   * Starts to record a process that has made no call yet.
   *
   * @param each told of each line, the host's set-up first, when the call has ended
   */
  public CallRecorder(KvmProcess process, Consumer<LogCall> each) {
    this.process = process;
    this.each = each;
    this.words = Words.of(process.kvm().backends());
    List<String> backends = process.kvm().backends().stream().map(CallRecorder::id).toList();
    keep(CallEncoder.hostConfig(process.kvm().config(), backends), CallRunner.plain(0));
  }

  private static String id(Backend b) {
    return b.info().id();
  }

  /** Returns the calls so far, the host's set-up first. */
  public List<LogCall> calls() {
    return List.copyOf(calls);
  }

  /** Returns the calls so far as a log, a line each. */
  public String text() {
    var out = new StringBuilder();
    for (LogCall c : calls) {
      out.append(LogWriter.line(c)).append('\n');
    }
    return out.toString();
  }

  private void keep(LogCall call, Reply reply) {
    LogCall answered = reply.answer(call);
    calls.add(answered);
    each.accept(answered);
  }

  private long plain(LogCall call, long ret) {
    keep(call, CallRunner.plain(ret));
    return ret;
  }

  @Override
  public long openDevKvm() {
    return plain(CallEncoder.openDevKvm(), process.openDevKvm());
  }

  @Override
  public long mmap(long addr, long len, int prot, int flags, int file, long off) {
    long ret = process.mmap(addr, len, prot, flags, file, off);
    Reply reply = ret < 0 ? CallRunner.plain(ret) : Reply.of(LogResult.of(hex(ret)));
    keep(CallEncoder.mmap(addr, len, prot, flags, file, off), reply);
    return ret;
  }

  @Override
  public long munmap(long addr, long len) {
    return plain(CallEncoder.range("munmap", addr, len), process.munmap(addr, len));
  }

  @Override
  public long madvise(long addr, long len, int advice) {
    return plain(CallEncoder.madvise(addr, len, advice), process.madvise(addr, len, advice));
  }

  @Override
  public long createVm(int devFd, long type) {
    VmType known = process.kvm().vmType(type);
    String name = known == null ? "" : known.name();
    return plain(CallEncoder.createVm(devFd, name, type), process.createVm(devFd, type));
  }

  @Override
  public long createVcpu(int vmFd, long id) {
    return plain(CallEncoder.createVcpu(vmFd, id), process.createVcpu(vmFd, id));
  }

  @Override
  public long createGuestMemfd(int vmFd, long size, long flags) {
    return plain(
        CallEncoder.createGuestMemfd(vmFd, size, flags),
        process.createGuestMemfd(vmFd, size, flags));
  }

  @Override
  public long setUserMemoryRegion2(
      int vmFd,
      long slot,
      long flags,
      long guestPhysAddr,
      long memorySize,
      long userspaceAddr,
      long guestMemfdOffset,
      int guestMemfd) {
    return plain(
        CallEncoder.setRegion(
            vmFd,
            "KVM_SET_USER_MEMORY_REGION2",
            entry("slot", slot),
            entry("flags", flags),
            entry("guest_phys_addr", guestPhysAddr),
            entry("memory_size", memorySize),
            entry("userspace_addr", userspaceAddr),
            entry("guest_memfd_offset", guestMemfdOffset),
            Value.Field.of("guest_memfd", fd(guestMemfd))),
        process.setUserMemoryRegion2(
            vmFd,
            slot,
            flags,
            guestPhysAddr,
            memorySize,
            userspaceAddr,
            guestMemfdOffset,
            guestMemfd));
  }

  @Override
  public long setUserMemoryRegion(
      int vmFd, long slot, long flags, long guestPhysAddr, long memorySize, long userspaceAddr) {
    return plain(
        CallEncoder.setRegion(
            vmFd,
            "KVM_SET_USER_MEMORY_REGION",
            entry("slot", slot),
            entry("flags", flags),
            entry("guest_phys_addr", guestPhysAddr),
            entry("memory_size", memorySize),
            entry("userspace_addr", userspaceAddr)),
        process.setUserMemoryRegion(vmFd, slot, flags, guestPhysAddr, memorySize, userspaceAddr));
  }

  @Override
  public long setMemoryAttributes(int vmFd, long address, long size, long attributes, long flags) {
    return plain(
        CallEncoder.setAttributes(vmFd, address, size, attributes, flags),
        process.setMemoryAttributes(vmFd, address, size, attributes, flags));
  }

  @Override
  public long checkExtension(int file, long cap) {
    return process.checkExtension(file, cap);
  }

  @Override
  public long setMemoryAttributes2(
      int file, long offset, long size, long attributes, long flags, long[] errorOffset) {
    long ret = process.setMemoryAttributes2(file, offset, size, attributes, flags, errorOffset);
    return plain(CallEncoder.setAttributes2(file, offset, size, attributes, flags), ret);
  }

  @Override
  public long spliceIntoPipe(long addr, long len) {
    return plain(CallEncoder.vmsplice(addr, len), process.spliceIntoPipe(addr, len));
  }

  @Override
  public long closePipe() {
    return plain(Calls.call("close", new Value.Sym("pipe")), process.closePipe());
  }

  @Override
  public boolean preFaultNeverReturned(int vcpuFd) {
    return process.preFaultNeverReturned(vcpuFd);
  }

  @Override
  public long preFaultMemory(int vcpuFd, long flags, long[] range) {
    LogCall call = CallEncoder.preFault(vcpuFd, range[0], range[1], flags);
    long ret = process.preFaultMemory(vcpuFd, flags, range);
    Value.Struct left = Calls.struct(entry("gpa", range[0]), entry("size", range[1]));
    keep(call, new Reply(CallRunner.plain(ret).result(), left, false));
    return ret;
  }

  @Override
  public long enableCap(int vmFd, long cap, long flags, long arg0) {
    return plain(
        CallEncoder.enableCap(vmFd, cap, flags, arg0), process.enableCap(vmFd, cap, flags, arg0));
  }

  @Override
  public long fallocate(int file, int mode, long off, long len) {
    return plain(
        CallEncoder.fallocate(file, mode, off, len), process.fallocate(file, mode, off, len));
  }

  @Override
  public long close(int file) {
    return plain(Calls.call("close", fd(file)), process.close(file));
  }

  @Override
  public long hostRead(long addr) {
    long ret = process.hostRead(addr);
    keep(Calls.call("host_read", hex(addr)), CallRunner.touched(ret));
    return ret;
  }

  @Override
  public long hostWrite(long addr, int value) {
    long ret = process.hostWrite(addr, value);
    keep(Calls.call("host_write", hex(addr), hex(value)), CallRunner.touched(ret));
    return ret;
  }

  /** A log has loads and stores, no copies. */
  @Override
  public long hostCopy(long to, long from, long len) {
    return VmmCalls.super.hostCopy(to, from, len);
  }

  @Override
  public long kernelRead(long addr, long len) {
    return plain(CallEncoder.kernelRead(addr, len), process.kernelRead(addr, len));
  }

  @Override
  public RunResult guestRun(int vcpuFd, GuestAction action) {
    LogCall call = CallEncoder.guest(vcpuFd, action);
    RunResult run = process.guestRun(vcpuFd, action);
    keep(call, CallRunner.ran(run, CallEncoder.nameOf(action), words));
    return run;
  }

  @Override
  public long vendorIoctl(int file, VendorCommand command) {
    LogCall call = CallEncoder.vendorIoctl(file, command);
    return vendor(call, command, process.vendorIoctl(file, command));
  }

  @Override
  public long memoryEncryptOp(int file, VendorCommand command) {
    LogCall call = CallEncoder.memoryEncryptOp(file, command);
    return vendor(call, command, process.memoryEncryptOp(file, command));
  }

  private long vendor(LogCall call, VendorCommand command, long ret) {
    keep(call, CallRunner.vendor(ret, command));
    return ret;
  }

  @Override
  public long memoryEncryptRegion(int vmFd, boolean register, long addr, long size) {
    return plain(
        CallEncoder.memoryEncryptRegion(vmFd, register, addr, size),
        process.memoryEncryptRegion(vmFd, register, addr, size));
  }
}
