package dev.cocovisor.pkvm.kvm;

import static dev.cocovisor.pkvm.kvm.Host.GPA;
import static dev.cocovisor.pkvm.kvm.Host.RAM;
import static dev.cocovisor.pkvm.kvm.Host.done;
import static dev.cocovisor.pkvm.kvm.Host.err;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.host.HostCounters;
import org.junit.jupiter.api.Test;

/**
 * A guest's pages and the VMM's own locked ones are of one account (mm_struct's locked_vm). Source:
 * Linux 7.3, {@code mm/util.c}, account_locked_vm; {@code mm/mlock.c}, do_mlock.
 */
class LockedMemoryTest {
  private static final long PAGE = 0x1000;
  private static final long ELSEWHERE = RAM + 0x80_0000;

  private final Host h = new Host();

  private long locked() {
    return HostCounters.of(h.process).lockedPages();
  }

  @Test
  void lockedMappingsLeaveAGuestLess() {
    h.process.setMemlockLimit(3 * PAGE);
    assertThat(h.process.mlock(ELSEWHERE, 2 * PAGE)).isZero();
    Host.Guest g = h.guest(true);
    assertThat(g.read(GPA)).isEqualTo(done(0));
    assertThat(g.read(GPA + PAGE).errno()).isEqualTo(Errno.ENOMEM);
    assertThat(h.process.munlock(ELSEWHERE, PAGE)).isZero();
    assertThat(g.read(GPA + PAGE)).isEqualTo(done(0));
  }

  @Test
  void aGuestsPagesLeaveTheVmmLess() {
    h.process.setMemlockLimit(3 * PAGE);
    Host.Guest g = h.guest(true);
    assertThat(g.read(GPA)).isEqualTo(done(0));
    assertThat(g.read(GPA + PAGE)).isEqualTo(done(0));
    assertThat(h.process.mlock(ELSEWHERE, 2 * PAGE)).isEqualTo(err(Errno.ENOMEM));
    assertThat(h.process.mlock(ELSEWHERE, PAGE)).isZero();
    g.close();
    assertThat(h.process.mlock(ELSEWHERE + PAGE, 2 * PAGE)).isZero();
  }

  @Test
  void bothAreCounted() {
    assertThat(h.process.mlock(ELSEWHERE, 2 * PAGE)).isZero();
    Host.Guest g = h.guest(true);
    assertThat(g.read(GPA)).isEqualTo(done(0));
    assertThat(locked()).isEqualTo(3);
    g.close();
    assertThat(locked()).isEqualTo(2);
    assertThat(h.process.munmap(ELSEWHERE, PAGE)).isZero();
    assertThat(locked()).isEqualTo(1);
  }
}
