package dev.cocovisor.tck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.cca.kvm.CcaBackend;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.pkvm.kvm.PkvmBackend;
import dev.cocovisor.snp.kvm.SevBackend;
import dev.cocovisor.tdx.kvm.TdxBackend;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.GuestLaunch;
import dev.cocovisor.vmm.Technologies;
import dev.cocovisor.vmm.Technology;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Hosts end: two thousand of them, one after another, leave the heap as it was. */
@Tag("slow")
class ManyHostsTest {
  private static final long PAGE = 4096;
  private static final long MEGABYTE = 1 << 20;

  static Stream<Technology> technologies() {
    List<Backend> all =
        List.of(new TdxBackend(), new SevBackend(), new PkvmBackend(), new CcaBackend());
    return Technologies.of(all).all().stream();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("technologies")
  void twoThousandHostsLeaveTheHeapFlat(Technology technology) {
    List<Long> heap = new ArrayList<>();
    for (int host = 1; host <= 2000; host++) {
      liveAndEnd(technology);
      if (host % 500 == 0) {
        heap.add(used());
      }
    }
    System.out.println("heap of 500, 1000, 1500, 2000 hosts of " + technology.id() + ": " + heap);
    long least = Long.MAX_VALUE;
    for (int i = 1; i < heap.size(); i++) {
      least = Math.min(least, heap.get(i) - heap.get(i - 1));
    }
    // What hosts lose makes the heap larger each time; what else the JVM does, now and then.
    assertThat(least).as("least growth of %s", heap).isLessThan(MEGABYTE >> 2);
  }

  private static void liveAndEnd(Technology technology) {
    Backend backend = technology.backend();
    HostConfig config = HostConfig.DEFAULT.withArchitecture(technology.architecture());
    try (Kvm kvm = new Kvm(config, backend == null ? List.of() : List.of(backend))) {
      KvmProcess process = new KvmProcess(kvm);
      Guest guest = new Guest(technology, process, GuestLaunch.DEFAULT);
      assertThat(guest.launch()).isNotNegative();
      assertThat(guest.finish().done()).isTrue();
      // Neither the guest nor its process is closed: the host ends them.
      assertThat(guest.accept(0, 0, PAGE, PageLevel.PG_4K).done()).isTrue();
      assertThat(guest.write(0, 0, 1, false).done()).isTrue();
    }
  }

  /** What other tests of this JVM left goes some collections later: asked until it stays. */
  private static long used() {
    long before = Long.MAX_VALUE;
    for (int i = 0; i < 20; i++) {
      System.gc();
      long now = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
      if (Math.abs(now - before) < MEGABYTE >> 4) {
        return now;
      }
      before = now;
    }
    return before;
  }
}
