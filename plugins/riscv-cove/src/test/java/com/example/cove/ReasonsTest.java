package com.example.cove;

import static org.assertj.core.api.Assertions.assertThat;

import com.example.cove.kvm.CoveBackend;
import com.example.cove.tsm.SbiStatus;
import com.example.cove.tsm.Tsm;
import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.GuestLaunch;
import dev.cocovisor.vmm.Technology;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** One errno has several causes: the trace says which it was. */
class ReasonsTest {
  private final List<TraceEvent> events = new ArrayList<>();

  private final TraceSink listening =
      new TraceSink() {
        @Override
        public boolean enabled() {
          return true;
        }

        @Override
        public void emit(TraceEvent event) {
          events.add(event);
        }
      };

  @Test
  void aFinalizedTvmTakesNoMoreMeasuredPagesAndSaysSo() {
    CoveBackend backend = new CoveBackend();
    HostConfig config = HostConfig.DEFAULT.withArchitecture(Architecture.RISCV64);
    try (Kvm kvm = new Kvm(config, List.of(backend), listening)) {
      Guest guest = new Guest(Technology.of(backend), new KvmProcess(kvm), GuestLaunch.DEFAULT);
      assertThat(guest.launch()).isNotNegative();
      assertThat(guest.finish().done()).isTrue();
      events.clear();
      assertThat(guest.populate(0, 4096, 7, true)).isEqualTo(-22);
      assertThat(events)
          .filteredOn(e -> e.kind() == TraceEvent.Kind.REFUSAL && e.name().equals("EINVAL"))
          .extracting(TraceEvent::result)
          .containsExactly("the TVM is finalized: its measurement is sealed");
    }
  }

  @Test
  void theTsmSaysWhyItRefuses() {
    var memory = new SparseMemory();
    var tsm = new Tsm(memory, 1, Interposer.NONE, listening);
    assertThat(tsm.convertPages(0x1000, 0)).isEqualTo(SbiStatus.INVALID_PARAM);
    assertThat(tsm.convertPages(0x1001, 1)).isEqualTo(SbiStatus.INVALID_ADDRESS);
    assertThat(tsm.reclaimPages(0x1000, 1)).isEqualTo(SbiStatus.INVALID_ADDRESS);
    assertThat(tsm.destroyTvm(7)).isEqualTo(SbiStatus.INVALID_PARAM);
    assertThat(tsm.createTvm(0x4000, 0x9001)).isEqualTo(SbiStatus.INVALID_ADDRESS.code());
    assertThat(events)
        .extracting(e -> e.name() + ": " + e.result())
        .containsExactly(
            "INVALID_PARAM: the number of pages is not positive",
            "INVALID_ADDRESS: the range is unaligned or no memory",
            "INVALID_ADDRESS: a frame is not confidential and unassigned",
            "INVALID_PARAM: no such TVM",
            "INVALID_ADDRESS: directory or state is unaligned or no memory");
  }
}
