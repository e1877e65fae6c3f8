package dev.cocovisor.core.kernel;

import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.PageStats;
import java.util.List;

/** A host that converts in place, with one VM, one vCPU and a code page, for tests. */
final class FileHost {
  static final long PAGE = 4096;
  static final long PRIVATE = 8;
  static final long MMAP = 1;
  static final long INIT_SHARED = 2;
  static final long SW_PROTECTED = 1;
  static final long CODE = PAGE;

  /** Where the file's slot is: gfn 512. */
  static final long RAM = 512 * PAGE;

  final KvmProcess process;
  final int vm;
  final int vcpu;
  final long[] errorOffset = {-1};
  private final long low;

  private FileHost(HostConfig config, long type) {
    process = new KvmProcess(new Kvm(config, List.of()));
    int dev = (int) process.openDevKvm();
    vm = (int) process.createVm(dev, type);
    vcpu = (int) process.createVcpu(vm, 0);
    low = anonymous(16);
    var _ = process.setUserMemoryRegion2(vm, 0, 0, 0, 16 * PAGE, low, 0, -1);
    var _ = process.hostInstallStub(low + CODE);
  }

  /** A 7.4 host with a software-protected VM. */
  static FileHost of74() {
    return of("7.4", SW_PROTECTED);
  }

  static FileHost of(String kernel, long type) {
    return new FileHost(HostConfig.DEFAULT.withKernel(kernel), type);
  }

  /** The host of the recordings: 7.3 with the series, built with per-VM attributes. */
  static FileHost hybrid() {
    return new FileHost(
        HostConfig.DEFAULT.withSetting("gmem_in_place_conversion", "1"), SW_PROTECTED);
  }

  long anonymous(long pages) {
    return process.mmap(0, pages * PAGE, 3, 0x22, -1, 0);
  }

  int file(long pages, long flags) {
    return (int) process.createGuestMemfd(vm, pages * PAGE, flags);
  }

  long map(int file, long pages) {
    return process.mmap(0, pages * PAGE, 3, 1, file, 0);
  }

  long slot(int id, long gpa, long pages, long user, int file, long offset) {
    return process.setUserMemoryRegion2(vm, id, 4, gpa, pages * PAGE, user, offset, file);
  }

  /** Converts pages of a file. */
  long convert(int file, long first, long pages, boolean toPrivate) {
    errorOffset[0] = -1;
    return process.setMemoryAttributes2(
        file, first * PAGE, pages * PAGE, toPrivate ? PRIVATE : 0, 0, errorOffset);
  }

  /** The guest reads a byte: its value, or -errno; -1000 for an MMIO exit. */
  long read(long gpa) {
    long r = process.guestRead(vcpu, CODE, gpa);
    if (r < 0) {
      return r;
    }
    return run().exitReason() == 5 ? run().value() : -1000;
  }

  long write(long gpa, int value) {
    return process.guestWrite(vcpu, CODE, gpa, value);
  }

  dev.cocovisor.core.host.KvmRun run() {
    return java.util.Objects.requireNonNull(process.run(vcpu));
  }

  /** How many small pages the VM has mapped. */
  long mapped() {
    PageStats s = process.stats(vm);
    return s == null ? -1 : s.pages4k();
  }

  long prefault(long gpa) {
    return process.preFaultMemory(vcpu, 0, new long[] {gpa, PAGE});
  }
}
