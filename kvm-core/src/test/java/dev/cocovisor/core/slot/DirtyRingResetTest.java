package dev.cocovisor.core.slot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.core.mem.PhysicalHost;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which pages are protected at once when entries of a ring are taken back. */
class DirtyRingResetTest {
  // virt/kvm/dirty_ring.c, kvm_dirty_ring_reset: 64 pages from the lowest, while no bit is lost.
  @ParameterizedTest
  @CsvSource({
    "5, 5:1",
    "5 6 9, 5:13",
    "9 6 5, 5:13",
    "7 5 6, 5:7",
    "0 63, 0:8000000000000001",
    "0 64, 0:1 64:1",
    "63 0, 0:8000000000000001",
    "64 0, 64:1 0:1",
    "64 1 0, 1:8000000000000001 0:1",
    "64 1 2, 1:8000000000000003",
    "40 41 0, 0:30000000001",
    "3 3, 3:1"
  })
  void neighboursAreTakenTogether(String pages, String calls) {
    PhysicalHost memory = new PhysicalHost(64);
    DirtyRing ring = Objects.requireNonNull(DirtyRing.create(memory, 4096));
    String[] offsets = pages.split(" ", -1);
    for (int i = 0; i < offsets.length; i++) {
      ring.push(7, Long.parseLong(offsets[i]));
      long entry = (ring.frame(0) << 12) + (long) i * DirtyRing.ENTRY;
      memory.raw().writeByte(entry, DirtyRing.DIRTY | DirtyRing.RESET);
    }
    List<String> told = new ArrayList<>();
    int taken =
        ring.reset((slot, offset, mask) -> {
          assertThat(slot).isEqualTo(7);
          told.add(offset + ":" + Long.toHexString(mask));
        });
    assertThat(taken).isEqualTo(offsets.length);
    assertThat(told).containsExactly(calls.split(" ", -1));
  }
}
