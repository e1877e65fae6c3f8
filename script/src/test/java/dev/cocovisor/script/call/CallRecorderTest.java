package dev.cocovisor.script.call;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a process did is kept in the words of a call log, and replays. */
class CallRecorderTest {
  private static final int ANONYMOUS = 0x4022;
  private static final long SIZE = 4 << 20;

  private static CallRecorder on(HostConfig host) {
    return new CallRecorder(new KvmProcess(new Kvm(host, List.of())));
  }

  private static List<Mismatch> replay(CallRecorder calls) throws IOException {
    List<Mismatch> mismatches = new ArrayList<>();
    long replayed =
        new KvmLogReplayer(Technologies.builtIn())
            .replay(
                LogSource.text("recorded.kvmlog", calls.text()), ReplayOptions.ALL, mismatches::add)
            .calls();
    assertThat(replayed).isEqualTo(calls.calls().size());
    return mismatches;
  }

  @Test
  void everyCallOfAVmmIsKeptAndReplays() throws IOException {
    CallRecorder c = on(HostConfig.DEFAULT.withSetting("core.gmem-order", "9"));
    int dev = (int) c.openDevKvm();
    int vm = (int) c.createVm(dev, 1);
    int vcpu = (int) c.createVcpu(vm, 0);
    int memfd = (int) c.createGuestMemfd(vm, SIZE, 0);
    long user = c.mmap(0, SIZE, 3, ANONYMOUS, -1, 0);
    assertThat(c.madvise(user, SIZE, 15)).isZero();
    assertThat(c.setUserMemoryRegion2(vm, 0, 4, 0, SIZE, user, 0, memfd)).isZero();
    long more = c.mmap(0x7f00_0000_0000L, 0x10000, 3, ANONYMOUS, -1, 0);
    assertThat(c.setUserMemoryRegion(vm, 1, 0, SIZE, 0x10000, more)).isZero();
    assertThat(c.setMemoryAttributes(vm, 0, SIZE, 8, 0)).isZero();
    assertThat(c.enableCap(vm, 201, 0, 0x1000)).isZero();
    long[] range = {0, 0x3000};
    assertThat(c.preFaultMemory(vcpu, 0, range)).isZero();
    assertThat(range).containsExactly(0x3000, 0);
    assertThat(c.guestRun(vcpu, new GuestAction.Write(0x1000, 7)).errno()).isEqualTo(Errno.OK);
    assertThat(c.guestRun(vcpu, new GuestAction.Read(0x1000)).exit()).isEqualTo(new Exit.Hlt(7));
    c.guestRun(vcpu, new GuestAction.Fetch(0x1000, false));
    c.guestRun(vcpu, new GuestAction.Read(SIZE + 0x1000, 0x1000, false));
    c.guestRun(vcpu, new GuestAction.Hypercall(12, new long[] {0x1000, 1, 0}, 0x2000));
    c.guestRun(vcpu, new GuestAction.Resume(0));
    c.guestRun(vcpu, new GuestAction.Vendor("tdcall", new Fields().put("leaf", 6)));
    assertThat(c.hostWrite(more, 9)).isZero();
    assertThat(c.hostRead(more)).isEqualTo(9);
    assertThat(c.kernelRead(more, 16)).isEqualTo(16);
    assertThat(c.fallocate(memfd, 3, 0, 0x1000)).isZero();
    Fields in = new Fields().put("data", 5).putAny("list", List.of(1L, 2L)).put("name", "a b");
    assertThat(c.memoryEncryptOp(vm, new VendorCommand("KVM_SEV_INIT2", in))).isNegative();
    assertThat(c.vendorIoctl(vcpu, new VendorCommand("KVM_ARM_VCPU_INIT", in))).isNegative();
    assertThat(c.memoryEncryptRegion(vm, true, user, 0x1000)).isNegative();
    assertThat(c.memoryEncryptRegion(vm, false, user, 0x1000)).isNegative();
    assertThat(c.madvise(more, 0x1000, 4)).isZero();
    assertThat(c.hostRead(more)).isZero();
    assertThat(c.close(vcpu)).isZero();
    assertThat(c.close(vm)).isZero();
    assertThat(c.close(memfd)).isZero();
    assertThat(c.munmap(user, SIZE)).isZero();

    assertThat(c.text())
        .startsWith("host_config({memory=0x10000000000, arch=x86_64, core.gmem-order=9}) = 0\n")
        .contains("KVM_SET_MEMORY_ATTRIBUTES")
        .contains("attributes=KVM_MEMORY_ATTRIBUTE_PRIVATE")
        .contains("{gpa=0, size=0x3000, flags=0} => {gpa=0x3000, size=0}) = 0")
        .contains("PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0)")
        .contains("FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE");
    assertThat(replay(c)).isEmpty();
  }

  @Test
  void refusalsAreKeptAsWhatTheyAre() throws IOException {
    CallRecorder c = on(HostConfig.DEFAULT.withTdpMmu(false));
    int dev = (int) c.openDevKvm();
    assertThat(c.createVm(dev, 1)).isEqualTo(-Errno.EINVAL.number());
    assertThat(c.createVm(9, 0)).isEqualTo(-Errno.EBADF.number());
    assertThat(c.mmap(0, 0, 3, ANONYMOUS, -1, 0)).isEqualTo(-Errno.EINVAL.number());
    assertThat(c.mmap(1, 0x1000, 3, 0x100022, -1, 0)).isNegative();
    assertThat(c.hostRead(0x5000)).isEqualTo(-11);
    assertThat(c.hostWrite(0x5000, 1)).isEqualTo(-11);
    assertThat(c.madvise(0x5000, 0x1000, 14)).isNegative();
    assertThat(c.madvise(0x5000, 0x1000, 99)).isNegative();
    assertThat(c.text())
        .contains("tdp_mmu=0")
        .contains("KVM_CREATE_VM, 0x1) = -1 EINVAL")
        .contains("host_read(0x5000) = -1 SIGSEGV");
    assertThat(replay(c)).isEmpty();
  }

  @Test
  void hostsOfOtherArchitecturesSaySo() throws IOException {
    for (Architecture a : List.of(Architecture.ARM64, Architecture.RISCV64)) {
      CallRecorder c =
          on(
              HostConfig.DEFAULT
                  .withArchitecture(a)
                  .withSetting("core.map-memory-guest-mode", "l1"));
      assertThat(c.text()).contains("core.map-memory-guest-mode=\"l1\"");
      assertThat(c.text()).contains(a == Architecture.ARM64 ? "arch=arm64" : "arch=riscv64");
    }
  }
}
