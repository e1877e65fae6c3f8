package dev.cocovisor.cca.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Pages that came in at launch, on the core itself: they go with their slot like any other. */
class PopulatedPagesTest {
  private static final long RAM = 0x8000_0000L;
  private static final long SIZE = 8 << 20;
  private static final long PAGE = 4096;
  private static final int GUEST_MEMFD = 4;

  private final Kvm kvm =
      new Kvm(HostConfig.DEFAULT.withArchitecture(Architecture.ARM64), List.of(new CcaBackend()));
  private final KvmProcess process = new KvmProcess(kvm);
  private final int vm =
      (int) process.createVm((int) process.openDevKvm(), VmType.ARM_REALM.number());
  private final int gmem = (int) process.createGuestMemfd(vm, SIZE, 0);
  private final long user = process.mmap(0, SIZE, 3, 0x4022, -1, 0);
  private final int vcpu = (int) process.createVcpu(vm, 0);

  private void plug(long gpa) {
    assertThat(process.setUserMemoryRegion2(vm, 0, GUEST_MEMFD, gpa, SIZE, user, 0, gmem)).isZero();
    assertThat(process.setMemoryAttributes(vm, gpa, SIZE, 8, 0)).isZero();
  }

  private void unplug(long gpa) {
    assertThat(process.setUserMemoryRegion2(vm, 0, GUEST_MEMFD, gpa, 0, user, 0, gmem)).isZero();
  }

  private void launch(int pages) {
    plug(RAM);
    assertThat(process.hostWrite(user, 0x5a)).isZero();
    Fields in =
        new Fields()
            .put("base", RAM)
            .put("size", pages * PAGE)
            .put("source_uaddr", user)
            .put("flags", 1);
    assertThat(process.vendorIoctl(vm, new VendorCommand("KVM_ARM_RMI_POPULATE", in))).isZero();
  }

  private RunResult read(long gpa) {
    return process.guestRun(vcpu, new GuestAction.Read(gpa));
  }

  @Test
  void aSlotThatGoesTakesThemAwayFromTheRealm() {
    launch(3);
    assertThat(read(RAM).exit()).isEqualTo(new Exit.Done(0x5a));
    unplug(RAM);
    plug(RAM);
    RunResult lost = read(RAM);
    assertThat(lost.errno()).isEqualTo(Errno.EFAULT);
    assertThat(lost.exit()).isEqualTo(new Exit.MemoryFault(Exit.MemoryFault.PRIVATE, RAM, PAGE));
  }

  @Test
  void prefaultingIsNothingThatArm64KvmKnows() {
    launch(3);
    assertThat(read(RAM + 8 * PAGE).errno()).isEqualTo(Errno.OK);
    unplug(RAM);
    plug(RAM);
    long[] range = {RAM + PAGE, PAGE};
    assertThat(process.preFaultMemory(vcpu, 0, range)).isEqualTo(-Errno.EINVAL.number());
  }

  @Test
  void aHoleTakesThemAwayBeforeTheFirstRun() {
    launch(2);
    assertThat(process.fallocate(gmem, 3, 0, PAGE)).isZero();
    assertThat(read(RAM).errno()).isEqualTo(Errno.EFAULT);
    assertThat(read(RAM + PAGE).exit()).isEqualTo(new Exit.Done(0));
  }
}
