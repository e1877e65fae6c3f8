package com.example.cove;

import static org.assertj.core.api.Assertions.assertThat;

import com.example.cove.kvm.CoveBackend;
import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
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
}
