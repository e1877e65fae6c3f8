package dev.cocovisor.core.facts;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.uapi.CreateGuestMemfd;
import dev.cocovisor.api.uapi.MemoryAttributes;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.FileStat;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.KvmRun;
import java.util.List;
import java.util.Objects;

/** A small VMM for tests: one process with one VM, one vCPU and a code slot at gpa 0. */
final class Vmm {
  static final long P = 4096;
  static final long M = 2L << 20;
  static final long DEFAULT = 0;
  static final long SW_PROTECTED = 1;
  static final long PRIVATE = MemoryAttributes.PRIVATE;
  static final int KEEP_SIZE = 1;
  static final int PUNCH = 3;
  static final int MAP_SHARED = 1;
  static final int MAP_PRIVATE = 2;
  static final int GUEST_MEMFD = 1 << 2;
  static final int READONLY = 1 << 1;
  static final int LOG_DIRTY = 1;
  static final long MMAP = CreateGuestMemfd.MMAP;
  static final long INIT_SHARED = CreateGuestMemfd.INIT_SHARED;

  /** A gpa where tests put their slots; the guest runs without paging, so it lies below 4 GiB. */
  static final long BASE = 1L << 30;

  private static final long CODE_HVA = 0x7f10_0000_0000L;
  private static final long CODE = 0x1000;
  private static final int PROT = 3;
  private static final int MADV_NOHUGEPAGE = 15;
  private static final int ANON = 0x4022;
  private static final int ANON_HUGE = 0x40022;

  final KvmProcess process;
  final int dev;
  final int vm;
  final int vcpu;

  private Vmm(HostConfig config, long type) {
    process = new KvmProcess(new Kvm(config, List.of()));
    dev = fd(process.openDevKvm());
    vm = fd(process.createVm(dev, type));
    vcpu = fd(process.createVcpu(vm, 0));
    long code = process.mmap(CODE_HVA, 0x10000, PROT, ANON, -1, 0);
    ok(process.setUserMemoryRegion2(vm, 0, 0, 0, 0x10000, code, 0, -1));
    ok(process.hostInstallStub(code + CODE));
  }

  static Vmm of(long type) {
    return new Vmm(HostConfig.DEFAULT, type);
  }

  static Vmm on(HostConfig config, long type) {
    return new Vmm(config, type);
  }

  static int fd(long result) {
    assertThat(result).as("descriptor").isGreaterThanOrEqualTo(0);
    return (int) result;
  }

  static void ok(long result) {
    assertThat(result).isZero();
  }

  static void fails(long result, Errno errno) {
    assertThat(result).isEqualTo(-errno.number());
  }

  long anonymous(long bytes) {
    long at = process.mmap(0, bytes, PROT, ANON, -1, 0);
    ok(process.madvise(at, bytes, MADV_NOHUGEPAGE));
    return at;
  }

  long hugetlb(long bytes) {
    return process.mmap(0, bytes, PROT, ANON_HUGE, -1, 0);
  }

  long mapFile(long bytes, int flags, int fd) {
    return process.mmap(0, bytes, PROT, flags, fd, 0);
  }

  int gmem(long bytes, long flags) {
    return fd(process.createGuestMemfd(vm, bytes, flags));
  }

  long region(int slot, int flags, long gpa, long bytes, long hva) {
    return process.setUserMemoryRegion2(vm, slot, flags, gpa, bytes, hva, 0, -1);
  }

  long region(int slot, int flags, long gpa, long bytes, long hva, int gmem, long offset) {
    return process.setUserMemoryRegion2(vm, slot, flags, gpa, bytes, hva, offset, gmem);
  }

  void slot(int slot, long gpa, long bytes, long hva) {
    ok(region(slot, 0, gpa, bytes, hva));
  }

  void privateSlot(int slot, long gpa, long bytes, long hva, int gmem, long offset) {
    ok(region(slot, GUEST_MEMFD, gpa, bytes, hva, gmem, offset));
  }

  long attributes(long gpa, long bytes, long attributes) {
    return process.setMemoryAttributes(vm, gpa, bytes, attributes, 0);
  }

  void makePrivate(long gpa, long bytes) {
    ok(attributes(gpa, bytes, PRIVATE));
  }

  void makeShared(long gpa, long bytes) {
    ok(attributes(gpa, bytes, 0));
  }

  /** Reads a byte as the guest; the run must complete. */
  long guestReads(long gpa) {
    ok(process.guestRead(vcpu, CODE, gpa));
    assertThat(run().exitReason()).isEqualTo(KvmRun.EXIT_HLT);
    return run().value();
  }

  void guestWrites(long gpa, int value) {
    ok(process.guestWrite(vcpu, CODE, gpa, value));
    assertThat(run().exitReason()).isEqualTo(KvmRun.EXIT_HLT);
  }

  long tryRead(long gpa) {
    return process.guestRead(vcpu, CODE, gpa);
  }

  long tryWrite(long gpa, int value) {
    return process.guestWrite(vcpu, CODE, gpa, value);
  }

  long hypercall(long nr, long gpa, long pages, long attributes) {
    return process.guestHypercall(vcpu, CODE, nr, gpa, pages, attributes);
  }

  KvmRun run() {
    return Objects.requireNonNull(process.run(vcpu));
  }

  long[] preFault(long gpa, long bytes) {
    long[] range = {gpa, bytes};
    lastResult = process.preFaultMemory(vcpu, 0, range);
    return range;
  }

  /** What the last {@link #preFault} answered. */
  long lastResult;

  FileStat stat(int fd) {
    FileStat s = new FileStat();
    ok(process.fstat(fd, s));
    return s;
  }

  void assertMemoryFault(long gpa, long size, boolean isPrivate) {
    assertThat(run().exitReason()).isEqualTo(KvmRun.EXIT_MEMORY_FAULT);
    assertThat(run().gpa()).isEqualTo(gpa);
    assertThat(run().size()).isEqualTo(size);
    assertThat(run().flags()).isEqualTo(isPrivate ? 8 : 0);
  }

  void assertMmio(long gpa, boolean write) {
    assertThat(run().exitReason()).isEqualTo(KvmRun.EXIT_MMIO);
    assertThat(run().physAddr()).isEqualTo(gpa);
    assertThat(run().len()).isEqualTo(1);
    assertThat(run().isWrite()).isEqualTo(write);
  }
}
