package dev.cocovisor.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Every step of a guest, on the kernel's own software-protected VMs. */
class GuestTest {
  private static final long PAGE = PageLevel.PAGE_SIZE;

  private final Kvm kvm = new Kvm(HostConfig.DEFAULT, List.of());
  private final KvmProcess process = new KvmProcess(kvm);

  private Guest launched(Technology technology, GuestLaunch launch) {
    Guest guest = new Guest(technology, process, launch);
    assertThat(guest.launch()).isNotNegative();
    return guest;
  }

  private Guest launched() {
    return launched(Technology.SW_PROTECTED, GuestLaunch.DEFAULT.withMemory(16 * PAGE));
  }

  private void nothingBroken() {
    assertThat(kvm.violations()).isEmpty();
  }

  @Test
  void aGuestLivesAndGivesEverythingBack() {
    long before = kvm.physicalMemory().allocatedFrames();
    Guest guest = launched();
    assertThat(guest.populate(0, 2 * PAGE, 0, true)).isNotNegative();
    assertThat(guest.finish().done()).isTrue();
    assertThat(guest.write(0, 0, 0x5a, false).done()).isTrue();
    assertThat(guest.read(0, 0, false).value()).isEqualTo(0x5a);
    assertThat(guest.fetch(0, PAGE, false).done()).isTrue();
    nothingBroken();
    assertThat(guest.close()).isZero();
    assertThat(guest.close()).isZero();
    assertThat(guest.live()).isFalse();
    assertThat(kvm.physicalMemory().allocatedFrames()).isEqualTo(before);
    nothingBroken();
  }

  @Test
  void memoryChangesSidesAsTheGuestAsks() {
    Guest guest = launched();
    assertThat(guest.write(0, 0, 1, false).done()).isTrue();
    assertThat(guest.convert(0, 0, PAGE, false).done()).isTrue();
    assertThat(guest.write(0, 0, 2, true).done()).isTrue();
    assertThat(guest.hostRead(0)).isEqualTo(2);
    assertThat(guest.hostWrite(0, 3)).isZero();
    assertThat(guest.kernelRead(0, 1)).isNotNegative();
    assertThat(guest.read(0, 0, true).value()).isEqualTo(3);
    assertThat(guest.convert(0, 0, PAGE, true).done()).isTrue();
    assertThat(guest.read(0, 0, false).value()).isEqualTo(1);
    assertThat(guest.close()).isZero();
  }

  @Test
  void theNumberOfAClosedFileIsTheNextOnesAndNoLongerTheGuests() {
    Guest gone = launched();
    assertThat(gone.closeMemory()).isZero();
    Guest next = launched();
    assertThat(gone.punch(0, PAGE)).isEqualTo(-Errno.EBADF.number());
    assertThat(gone.unplug(0)).isZero();
    Guest third = launched();
    assertThat(next.write(0, PAGE, 0xfa, false).done()).isTrue();
    assertThat(next.read(0, PAGE, false).value()).isEqualTo(0xfa);
    assertThat(third.close()).isZero();
    assertThat(next.close()).isZero();
    assertThat(gone.close()).isZero();
    nothingBroken();
  }

  @Test
  void whatTheHostTookAwayIsAskedFor() {
    Guest guest = launched();
    assertThat(guest.hostConvert(0, PAGE, false)).isZero();
    Outcome.Told told = guest.read(0, 0, false);
    assertThat(told.run().errno()).isEqualTo(Errno.OK);
    assertThat(guest.hostConvert(PAGE, PAGE, false)).isZero();
    assertThat(guest.punch(2 * PAGE, PAGE)).isZero();
    assertThat(guest.read(0, 2 * PAGE, false).value()).isZero();
    assertThat(guest.close()).isZero();
  }

  @Test
  void ramComesAndGoesAndMoves() {
    long before = kvm.physicalMemory().allocatedFrames();
    Guest guest = launched();
    assertThat(guest.end()).isEqualTo(16 * PAGE);
    assertThat(guest.plug(guest.end(), 4 * PAGE, false)).isNotNegative();
    assertThat(guest.end()).isEqualTo(20 * PAGE);
    assertThat(guest.write(0, 17 * PAGE, 7, false).done()).isTrue();
    assertThat(guest.move(17 * PAGE, 32 * PAGE)).isZero();
    assertThat(guest.move(17 * PAGE, 40 * PAGE)).isEqualTo(-Errno.EINVAL.number());
    // The old place keeps its attribute and has no slot any more.
    assertThat(guest.read(0, 17 * PAGE, false).answer())
        .isInstanceOfSatisfying(
            GuestAnswer.AsksHost.class,
            a -> assertThat(a.exit()).isInstanceOf(Exit.MemoryFault.class));
    // The first piece is in the way: the moved one stays where it is.
    assertThat(guest.move(32 * PAGE, 8 * PAGE)).isEqualTo(-Errno.EEXIST.number());
    assertThat(guest.hostConvert(32 * PAGE, 4 * PAGE, true)).isZero();
    assertThat(guest.read(0, 33 * PAGE, false).value()).isEqualTo(7);
    assertThat(guest.unplug(32 * PAGE)).isZero();
    assertThat(guest.unplug(32 * PAGE)).isEqualTo(-Errno.EINVAL.number());
    assertThat(guest.hostRead(32 * PAGE)).isEqualTo(-Errno.EFAULT.number());
    assertThat(guest.prefault(0, 0, 2 * PAGE))
        .isEqualTo(new Guest.Prefaulted(0, 2 * PAGE, 0, false));
    assertThat(guest.close()).isZero();
    assertThat(kvm.physicalMemory().allocatedFrames()).isEqualTo(before);
  }

  @Test
  void aRebootIsAnotherVmWithFreshMemory() {
    Guest guest = launched();
    assertThat(guest.write(0, 0, 9, false).done()).isTrue();
    int vms = kvm.vms().getFirst().id();
    assertThat(guest.reboot()).isNotNegative();
    assertThat(kvm.vms()).singleElement().satisfies(v -> assertThat(v.id()).isGreaterThan(vms));
    assertThat(guest.read(0, 0, false).value()).isZero();
    assertThat(guest.close()).isZero();
  }

  @Test
  void aGuestThatIsGoneAnswersBadDescriptorWhoeverHasItsNumbersNow() {
    Guest first = launched();
    assertThat(first.close()).isZero();
    Guest second = launched();
    long gone = -Errno.EBADF.number();
    assertThat(first.read(0, 0, false).run().errno()).isEqualTo(Errno.EBADF);
    assertThat(first.read(0, 0, false).done()).isFalse();
    assertThat(first.finish()).isEqualTo(new Outcome.Answered(gone));
    assertThat(first.convert(0, 0, PAGE, true)).isEqualTo(new Outcome.Answered(gone));
    assertThat(first.accept(0, 0, PAGE, PageLevel.PG_4K)).isEqualTo(new Outcome.Answered(gone));
    assertThat(first.punch(0, PAGE)).isEqualTo(gone);
    assertThat(first.populate(0, PAGE, 1, true)).isEqualTo(gone);
    assertThat(first.prefault(0, 0, PAGE).ret()).isEqualTo(gone);
    assertThat(first.plug(0, PAGE, false)).isEqualTo(gone);
    assertThat(first.unplug(0)).isEqualTo(gone);
    assertThat(first.move(0, PAGE)).isEqualTo(gone);
    assertThat(first.hostConvert(0, PAGE, true)).isEqualTo(gone);
    assertThat(first.reboot()).isEqualTo(gone);
    assertThat(first.hostRead(0)).isEqualTo(gone);
    assertThat(first.hostWrite(0, 1)).isEqualTo(gone);
    assertThat(first.kernelRead(0, 1)).isEqualTo(gone);
    assertThat(second.read(0, 0, false).value()).isZero();
    assertThat(second.close()).isZero();
  }

  @Test
  void memoryCanOutliveItsGuestAndIsGivenBackOnce() {
    long before = kvm.physicalMemory().allocatedFrames();
    Guest guest = launched();
    assertThat(guest.write(0, 0, 9, false).done()).isTrue();
    assertThat(guest.closeKeepingMemory()).isZero();
    assertThat(guest.hostRead(0)).isZero();
    assertThat(guest.closeMemory()).isZero();
    assertThat(guest.closeMemory()).isEqualTo(-Errno.EBADF.number());
    assertThat(kvm.physicalMemory().allocatedFrames()).isEqualTo(before);
  }

  @Test
  void memoryOfTwoGuestsIsGivenBackWithTheSecond() {
    long before = kvm.physicalMemory().allocatedFrames();
    GuestLaunch launch = GuestLaunch.DEFAULT.withMemory(16 * PAGE);
    Guest first = launched(Technology.DEFAULT, launch);
    Guest second = launched(Technology.DEFAULT, launch.withMemoryOf(first));
    assertThat(first.write(0, 0, 4, true).done()).isTrue();
    assertThat(first.close()).isZero();
    assertThat(second.read(0, 0, true).value()).isEqualTo(4);
    assertThat(second.close()).isZero();
    assertThat(kvm.physicalMemory().allocatedFrames()).isEqualTo(before);
    // A guest_memfd belongs to the VM it was made for (kvm_gmem_prepare_memory_region).
    Guest third = launched();
    Guest fourth = new Guest(Technology.SW_PROTECTED, process, launch.withMemoryOf(third));
    assertThat(fourth.launch()).isEqualTo(-Errno.EINVAL.number());
    assertThat(third.write(0, 0, 1, false).done()).isTrue();
    assertThat(third.close()).isZero();
    assertThat(kvm.physicalMemory().allocatedFrames()).isEqualTo(before);
  }

  @Test
  void aLaunchThatFailsLeavesNothingOpen() {
    long before = kvm.physicalMemory().allocatedFrames();
    Guest guest =
        new Guest(Technology.SW_PROTECTED, process, GuestLaunch.DEFAULT.withMemory(PAGE + 1));
    assertThat(guest.launch()).isEqualTo(-Errno.EINVAL.number());
    assertThat(guest.live()).isFalse();
    assertThat(kvm.vms()).isEmpty();
    assertThat(process.openDevKvm()).isEqualTo(3);
    assertThat(kvm.physicalMemory().allocatedFrames()).isEqualTo(before);
  }
}
