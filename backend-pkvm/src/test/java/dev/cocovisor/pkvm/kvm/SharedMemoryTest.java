package dev.cocovisor.pkvm.kvm;

import static dev.cocovisor.pkvm.kvm.Host.GPA;
import static dev.cocovisor.pkvm.kvm.Host.RAM;
import static dev.cocovisor.pkvm.kvm.Host.done;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.pkvm.guest.Hvc;
import org.junit.jupiter.api.Test;

/** A protected guest keeps its pages whatever becomes of the file they came from. */
class SharedMemoryTest {
  private static final int MAP_SHARED_FIXED_ANONYMOUS = 0x31;
  private static final int MAP_PRIVATE_FIXED_ANONYMOUS = 0x32;
  private static final long PAGE = 0x1000;

  private final Host h = new Host();

  private void shareMapping(long at, long size) {
    assertThat(h.process.mmap(at, size, 3, MAP_SHARED_FIXED_ANONYMOUS, -1, 0)).isEqualTo(at);
  }

  @Test
  void unmappingSharedMemoryLeavesTheGuestItsPage() {
    shareMapping(RAM + PAGE, PAGE);
    Host.Guest g = h.guest(true);
    assertThat(g.write(GPA + PAGE, 0x5a)).isEqualTo(done(-1));
    assertThat(h.process.munmap(RAM + PAGE, PAGE)).isZero();
    assertThat(h.violations()).isEmpty();
    for (long at = 0; at < 0x10_0000; at += PAGE) {
      assertThat(h.process.hostWrite(RAM + 0x20_0000 + at, 1)).isZero();
    }
    assertThat(g.read(GPA + PAGE)).isEqualTo(done(0x5a));
    assertThat(h.violations()).isEmpty();
  }

  @Test
  void aMappingPutOverSharedMemoryLeavesTheGuestItsPage() {
    shareMapping(RAM + 2 * PAGE, PAGE);
    Host.Guest g = h.guest(true);
    assertThat(g.hvc(Hvc.MEM_SHARE, GPA + 2 * PAGE)).isEqualTo(done(0));
    assertThat(h.process.mmap(RAM + 2 * PAGE, 2 * PAGE, 3, MAP_PRIVATE_FIXED_ANONYMOUS, -1, 0))
        .isEqualTo(RAM + 2 * PAGE);
    assertThat(g.read(GPA + PAGE + 0xfff)).isEqualTo(done(0));
    assertThat(h.violations()).isEmpty();
  }

  @Test
  void thePageComesBackWhenTheGuestEnds() {
    long before = h.frames();
    shareMapping(RAM, 4 * PAGE);
    Host.Guest g = h.guest(true);
    g.write(GPA, 1);
    g.write(GPA + 2 * PAGE, 1);
    assertThat(h.process.munmap(RAM, 4 * PAGE)).isZero();
    g.close();
    assertThat(h.violations()).isEmpty();
    assertThat(h.frames()).isEqualTo(before);
  }

  /** Source: Linux 7.3, {@code arch/arm64/kvm/mmu.c}, kvm_s2_fault_map. */
  @Test
  void aWriteThatCouldNotBeMappedIsNotLogged() {
    Host.Guest owner = h.guest(true);
    assertThat(owner.write(GPA, 1)).isEqualTo(done(-1));
    Host.Guest logged = h.guest(false);
    assertThat(logged.region(0, 1, GPA, 0x20_0000, RAM)).isZero();
    assertThat(logged.write(GPA, 2).errno()).isEqualTo(Errno.EPERM);
    assertThat(logged.write(GPA + PAGE, 2)).isEqualTo(done(-1));
    long bitmap = RAM + 0x80_0000;
    assertThat(h.process.getDirtyLog(logged.vm, 0, bitmap)).isZero();
    assertThat(h.process.hostRead(bitmap)).isEqualTo(0b10);
  }
}
