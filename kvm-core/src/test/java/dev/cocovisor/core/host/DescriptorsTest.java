package dev.cocovisor.core.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Calls on the wrong descriptor, and what every other object answers. */
@SuppressWarnings("NullAway") // a null here fails the test, as it should
class DescriptorsTest {
  private static final VendorCommand COMMAND = new VendorCommand("KVM_NOTHING", new Fields());

  private final Kvm kvm = new Kvm(HostConfig.DEFAULT, List.of());
  private final KvmProcess p = new KvmProcess(kvm);
  private final int dev = (int) p.openDevKvm();
  private final int vm = (int) p.createVm(dev, 0);
  private final int vcpu = (int) p.createVcpu(vm, 0);
  private final int mem = (int) p.memfdCreate(8192);

  private static long e(Errno errno) {
    return -errno.number();
  }

  @Test
  void theLowestFreeNumberIsGivenOutFromThree() {
    assertThat(List.of(dev, vm, vcpu, mem)).containsExactly(3, 4, 5, 6);
    p.close(4);
    assertThat(p.openDevKvm()).isEqualTo(4);
    assertThat(p.close(77)).isEqualTo(e(Errno.EBADF));
    assertThat(p.close(-1)).isEqualTo(e(Errno.EBADF));
  }

  @Test
  void ioctlsOfAnotherObjectAreEnottyAndOfAClosedOneEbadf() {
    for (int fd : new int[] {mem, 99}) {
      long want = e(fd == mem ? Errno.ENOTTY : Errno.EBADF);
      assertThat(p.createVm(fd, 0)).isEqualTo(want);
      assertThat(p.createVcpu(fd, 0)).isEqualTo(want);
      assertThat(p.createGuestMemfd(fd, 4096, 0)).isEqualTo(want);
      assertThat(p.setUserMemoryRegion(fd, 0, 0, 0, 0, 0)).isEqualTo(want);
      assertThat(p.setUserMemoryRegion2(fd, 0, 0, 0, 0, 0, 0, 0)).isEqualTo(want);
      assertThat(p.setMemoryAttributes(fd, 0, 0, 0, 0)).isEqualTo(want);
      assertThat(p.preFaultMemory(fd, 0, new long[2])).isEqualTo(want);
      assertThat(p.mapMemory(fd, 0, new long[2])).isEqualTo(want);
      assertThat(p.enableCap(fd, 1, 0, 0)).isEqualTo(want);
      assertThat(p.checkExtension(fd, 1)).isEqualTo(want);
      assertThat(p.vendorIoctl(fd, COMMAND)).isEqualTo(want);
      assertThat(p.memoryEncryptOp(fd, COMMAND)).isEqualTo(want);
      assertThat(p.memoryEncryptRegion(fd, true, 0, 0)).isEqualTo(want);
      assertThat(p.guestRun(fd, new GuestAction.Read(0)).errno().number()).isEqualTo(-want);
      assertThat(p.stats(fd)).isNull();
      assertThat(p.run(fd)).isNull();
    }
  }

  @Test
  void ioctlsThatAKvmObjectDoesNotKnowEndAsItsArchitectureEndsThem() {
    assertThat(p.createVcpu(dev, 0)).isEqualTo(e(Errno.EINVAL));
    assertThat(p.setMemoryAttributes(vcpu, 0, 0, 0, 0)).isEqualTo(e(Errno.EINVAL));
    assertThat(p.checkExtension(vcpu, 1)).isEqualTo(e(Errno.EINVAL));
    assertThat(p.createVm(vm, 0)).isEqualTo(e(Errno.ENOTTY));
    assertThat(p.preFaultMemory(vm, 0, new long[2])).isEqualTo(e(Errno.ENOTTY));
    assertThat(p.guestRun(dev, new GuestAction.Read(0)).errno()).isEqualTo(Errno.EINVAL);
    KvmProcess arm =
        new KvmProcess(new Kvm(HostConfig.DEFAULT.withArchitecture(Architecture.ARM64), List.of()));
    int armVm = (int) arm.createVm((int) arm.openDevKvm(), 0);
    assertThat(arm.vendorIoctl(armVm, COMMAND)).isEqualTo(e(Errno.EINVAL));
  }

  @Test
  void nothingButClosingWorksOnADeadVm() {
    Objects.requireNonNull(p.vm(vm)).bug("a test");
    for (int fd : new int[] {vm, vcpu}) {
      assertThat(p.createVcpu(fd, 1)).isEqualTo(e(Errno.EIO));
      assertThat(p.createGuestMemfd(fd, -1, 99)).isEqualTo(e(Errno.EIO));
      assertThat(p.setUserMemoryRegion(fd, 0, 99, 0, 0, 0)).isEqualTo(e(Errno.EIO));
      assertThat(p.setUserMemoryRegion2(fd, 0, 99, 0, 0, 0, 0, 0)).isEqualTo(e(Errno.EIO));
      assertThat(p.setMemoryAttributes(fd, 1, 0, 0, 0)).isEqualTo(e(Errno.EIO));
      assertThat(p.preFaultMemory(fd, 1, new long[2])).isEqualTo(e(Errno.EIO));
      assertThat(p.enableCap(fd, 1, 1, 0)).isEqualTo(e(Errno.EIO));
      assertThat(p.checkExtension(fd, 3)).isEqualTo(e(Errno.EIO));
      assertThat(p.setNrMmuPages(fd, 1)).isEqualTo(e(Errno.EIO));
      assertThat(p.getDirtyLog(fd, 0, 0)).isEqualTo(e(Errno.EIO));
      assertThat(p.clearDirtyLog(fd, 0, 1, 0, 0)).isEqualTo(e(Errno.EIO));
      assertThat(p.vendorIoctl(fd, COMMAND)).isEqualTo(e(Errno.EIO));
      assertThat(p.memoryEncryptOp(fd, COMMAND)).isEqualTo(e(Errno.EIO));
      assertThat(p.memoryEncryptRegion(fd, true, 0, 0)).isEqualTo(e(Errno.EIO));
      assertThat(p.guestRun(fd, new GuestAction.Read(0)).errno()).isEqualTo(Errno.EIO);
    }
    assertThat(p.close(vcpu)).isZero();
    assertThat(p.close(vm)).isZero();
  }

  @Test
  void vcpuIdsAreJudgedAsTheyAreGiven() {
    for (long id : new long[] {1L << 32, -1, 4096, Long.MIN_VALUE}) {
      assertThat(p.createVcpu(vm, id)).isEqualTo(e(Errno.EINVAL));
    }
    assertThat(p.createVcpu(vm, 0)).isEqualTo(e(Errno.EEXIST));
    assertThat(p.createVcpu(vm, 4095)).isPositive();
  }

  @Test
  void anOrdinaryVmKnowsNoVendorCalls() {
    assertThat(p.vendorIoctl(vm, COMMAND)).isEqualTo(e(Errno.ENOTTY));
    assertThat(p.vendorIoctl(vcpu, COMMAND)).isEqualTo(e(Errno.EINVAL));
    assertThat(p.memoryEncryptOp(vm, COMMAND)).isEqualTo(e(Errno.ENOTTY));
    assertThat(p.memoryEncryptOp(vcpu, COMMAND)).isEqualTo(e(Errno.ENOTTY));
    assertThat(p.memoryEncryptRegion(vm, true, 0, 4096)).isEqualTo(e(Errno.ENOTTY));
    assertThat(p.memoryEncryptRegion(vm, false, 0, 4096)).isEqualTo(e(Errno.ENOTTY));
    assertThat(p.enableCap(vm, 1234, 0, 0)).isEqualTo(e(Errno.EINVAL));
    assertThat(p.enableCap(vm, 201, 1, 0)).isEqualTo(e(Errno.EINVAL));
    assertThat(p.guestRun(vcpu, new GuestAction.Vendor("tdcall", new Fields())).errno())
        .isEqualTo(Errno.EINVAL);
  }

  @Test
  void filesRefuseInTheirOwnWays() {
    assertThat(p.fallocate(mem, 0, 0, 4096)).isZero();
    assertThat(p.fallocate(vm, 0, 0, 4096)).isEqualTo(e(Errno.ENODEV));
    assertThat(p.fallocate(mem, 4, 0, 4096)).isEqualTo(e(Errno.EOPNOTSUPP));
    assertThat(p.fallocate(mem, 2, 0, 4096)).isEqualTo(e(Errno.EOPNOTSUPP));
    assertThat(p.fallocate(mem, 0, Long.MAX_VALUE, 4096)).isEqualTo(e(Errno.EFBIG));
    assertThat(p.fallocate(mem, 0, -1, 4096)).isEqualTo(e(Errno.EINVAL));
    assertThat(p.read(99, 1, _ -> {})).isEqualTo(e(Errno.EBADF));
    assertThat(p.write(mem, 1)).isEqualTo(e(Errno.EINVAL));
    assertThat(p.pread(mem, 1, -1, _ -> {})).isEqualTo(e(Errno.EINVAL));
    assertThat(p.pwrite(mem, 1, 0)).isEqualTo(e(Errno.ESPIPE));
    assertThat(p.pread(dev, 1, 0, _ -> {})).isEqualTo(e(Errno.EINVAL));
    assertThat(p.pread(99, 1, 0, _ -> {})).isEqualTo(e(Errno.EBADF));
    assertThat(p.ftruncate(99, 1)).isEqualTo(e(Errno.EBADF));
    assertThat(p.ftruncate(99, -1)).isEqualTo(e(Errno.EINVAL));
    FileStat st = new FileStat();
    assertThat(p.fstat(99, st)).isEqualTo(e(Errno.EBADF));
    assertThat(p.fstat(mem, st)).isZero();
    assertThat(st.size()).isEqualTo(8192);
    assertThat(st.blksize()).isEqualTo(4096);
    assertThat(p.memfdCreate(-1)).isEqualTo(e(Errno.EINVAL));
  }

  @Test
  void mmapChecksItsArguments() {
    assertThat(p.mmap(0, 4096, 3, 0x22, -1, 1)).isEqualTo(e(Errno.EINVAL));
    assertThat(p.mmap(0, 0, 3, 0x22, -1, 0)).isEqualTo(e(Errno.EINVAL));
    assertThat(p.mmap(0, 4096, 3, 0x20, -1, 0)).isEqualTo(e(Errno.EINVAL));
    assertThat(p.mmap(0, 4096, 3, 1, 99, 0)).isEqualTo(e(Errno.EBADF));
    assertThat(p.mmap(0, 4096, 3, 1, vm, 0)).isEqualTo(e(Errno.ENODEV));
    assertThat(p.mmap(0, 4096, 3, 1, mem, Long.MIN_VALUE)).isEqualTo(e(Errno.EOVERFLOW));
    assertThat(p.mmap(0, -4096, 3, 0x22, -1, 0)).isEqualTo(e(Errno.ENOMEM));
    assertThat(p.mmap(0, 4096, 3, 0x40001, mem, 0)).isEqualTo(e(Errno.EINVAL));
    assertThat(p.mmap(1L << 40, 4096, 3, 0x100003, mem, 0)).isEqualTo(e(Errno.EOPNOTSUPP));
    assertThat(p.mmap(0, 4096, 3, 0x40022 | 30 << 26, -1, 0)).isEqualTo(e(Errno.ENOMEM));
    assertThat(p.mmap(0, 4096, 3, 0x40022 | 16 << 26, -1, 0)).isEqualTo(e(Errno.EINVAL));
    int gmem = (int) p.createGuestMemfd(vm, 4096, 0);
    assertThat(p.mmap(0, 4096, 5, 1, gmem, 0)).as("executable").isEqualTo(e(Errno.EPERM));
    assertThat(p.mmap(0, 4096, 1, 1, gmem, 0)).isEqualTo(e(Errno.ENODEV));
    long shared = p.mmap(0, 8192, 3, 0x21, -1, 0);
    assertThat(p.hostWrite(shared, 300)).isZero();
    assertThat(p.hostRead(shared)).isEqualTo(44);
    assertThat(p.mmap(shared, 4096, 3, 0x100001, mem, 0)).isEqualTo(e(Errno.EEXIST));
    assertThat(p.munmap(shared, 8192)).isZero();
    assertThat(p.hostRead(shared)).isEqualTo(KvmProcess.SIGSEGV);
    long file = p.mmap(0, 16384, 3, 1, mem, 0);
    assertThat(p.hostRead(file + 8192)).isEqualTo(KvmProcess.SIGBUS);
    assertThat(p.hostInstallStub(8)).isEqualTo(KvmProcess.SIGSEGV);
    assertThat(p.kernelRead(file, 8192)).isEqualTo(8192);
    assertThat(p.kernelRead(file, 16384)).isEqualTo(8192);
    assertThat(p.kernelRead(8, 16)).isEqualTo(e(Errno.EFAULT));
    assertThat(p.madvise(file, 4096, 99)).isEqualTo(e(Errno.EINVAL));
    assertThat(p.madvise(file + 1, 4096, 4)).isEqualTo(e(Errno.EINVAL));
    assertThat(p.madvise(file, 0, 4)).isZero();
    assertThat(p.madvise(file, 4096, 25)).isEqualTo(e(Errno.EINVAL));
    assertThat(p.madvise(8192, 4096, 15)).isEqualTo(e(Errno.ENOMEM));
  }

  @Test
  void capabilitiesOfTheHostAndOfItsVms() {
    assertThat(p.checkExtension(dev, 3)).isEqualTo(1);
    assertThat(p.checkExtension(dev, 81)).isEqualTo(1);
    assertThat(p.checkExtension(dev, 9)).isEqualTo(1);
    assertThat(p.checkExtension(dev, 10)).isEqualTo(32764);
    assertThat(p.checkExtension(dev, 66)).isEqualTo(1024);
    assertThat(p.checkExtension(dev, 128)).isEqualTo(4096);
    assertThat(p.checkExtension(dev, 118)).isEqualTo(2);
    assertThat(p.checkExtension(dev, 238)).isEqualTo(1);
    assertThat(p.checkExtension(dev, 233)).isEqualTo(8);
    assertThat(p.checkExtension(dev, 197)).isEqualTo(1);
    assertThat(p.checkExtension(dev, 5555)).isZero();
    assertThat(p.checkExtension(dev, -1)).isZero();
    assertThat(p.checkExtension(vm, 233)).isZero();
    assertThat(kvm.vmType(77)).isNull();
    assertThat(
            new Kvm(HostConfig.DEFAULT.withArchitecture(Architecture.RISCV64), List.of())
                .builtInTypes())
        .hasSize(1);
    assertThat(p.createVcpu(vm, 0)).isEqualTo(e(Errno.EEXIST));
    assertThat(p.createVcpu(vm, 1 << 20)).isEqualTo(e(Errno.EINVAL));
  }

  @Test
  void theRunPageHoldsTheLastExit() {
    long hva = p.mmap(0, 0x10000, 3, 0x22, -1, 0);
    p.setUserMemoryRegion(vm, 0, 0, 0, 0x10000, hva);
    p.hostInstallStub(hva + 0x1000);
    assertThat(p.guestWrite(vcpu, 0x1000, 0x2000, 9)).isZero();
    assertThat(p.guestRead(vcpu, 0x1000, 0x2000)).isZero();
    KvmRun run = p.run(vcpu);
    assertThat(run.exitReason()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(run.value()).isEqualTo(9);
    p.guestRead(vcpu, 0x1000, 0x900000);
    assertThat(run.exitReason()).isEqualTo(KvmRun.EXIT_MMIO);
    assertThat(run.physAddr()).isEqualTo(0x900000);
    assertThat(run.len()).isEqualTo(1);
    assertThat(run.isWrite()).isFalse();
    p.enableCap(vm, 201, 0, 1 << 12);
    p.guestHypercall(vcpu, 0x1000, 12, 0x2000, 1, 0x10);
    assertThat(run.exitReason()).isEqualTo(KvmRun.EXIT_HYPERCALL);
    assertThat(run.nr()).isEqualTo(12);
    assertThat(run.arg(1)).isEqualTo(1);
    assertThat(run.flags()).isZero();
    assertThat(p.guestResume(vcpu, -5)).isZero();
    assertThat(run.value()).isEqualTo(-5);
  }
}
