package dev.cocovisor.pkvm.kvm;

import static dev.cocovisor.pkvm.kvm.Host.GPA;
import static dev.cocovisor.pkvm.kvm.Host.RAM;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.pkvm.guest.Hvc;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random guests and a random host: invariants after every call, every frame back at the end. */
class RandomGuestsTest {
  private static final int PAGES = 16;

  @ParameterizedTest
  @ValueSource(longs = {11, 12, 13, 14})
  void invariantsHoldAndEveryFrameComesBack(long seed) {
    String reproduce = "seed " + seed + ": mvn -pl backend-pkvm -am test -Dtest=RandomGuestsTest";
    SplittableRandom random = new SplittableRandom(seed);
    Host h = new Host();
    long before = h.frames();
    Host.Guest g = h.guest(random.nextBoolean());
    Host.Guest other = h.guest(random.nextBoolean());
    for (int step = 0; step < 150; step++) {
      long off = (long) random.nextInt(PAGES) << 12;
      Host.Guest who = random.nextInt(3) == 0 ? other : g;
      switch (random.nextInt(9)) {
        case 0, 1 -> who.read(GPA + off);
        case 2, 3 -> who.write(GPA + off, step);
        case 4 -> who.hvc(Hvc.MEM_SHARE, GPA + off);
        case 5 -> who.hvc(Hvc.MEM_UNSHARE, GPA + off);
        case 6 -> h.process.hostWrite(RAM + off, step);
        case 7 -> h.process.madvise(RAM + off, 0x1000, 4);
        default -> h.process.kernelRead(RAM + off, 16);
      }
      assertThat(h.violations()).as("%s, step %d", reproduce, step).isEmpty();
    }
    g.close();
    other.close();
    assertThat(h.violations()).as(reproduce).isEmpty();
    assertThat(h.hyp().touchedPages()).as(reproduce).isZero();
    h.process.munmap(RAM, Host.RAM_SIZE);
    assertThat(h.frames()).as(reproduce + ": frames lost").isEqualTo(before);
  }
}
