package dev.cocovisor.cca.kvm;

import static dev.cocovisor.cca.kvm.KvmTests.populate;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A run that somebody listens to: commands by name, refusals with their cause. */
class TraceTest {
  private static final long RAM = 0x8000_0000L;

  private final List<TraceEvent> events = new ArrayList<>();
  private final SmallKvm kvm = new SmallKvm();

  private void listen() {
    kvm.trace =
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
  }

  @Test
  void aRefusedCommandSaysWhyBeforeItsAnswer() {
    listen();
    kvm.start(1);
    kvm.slot(RAM, 2 << 20);
    assertThat(kvm.read(0, RAM).errno().ok()).isTrue();
    int at =
        events.indexOf(
            events.stream()
                .filter(e -> e.name().equals("RMI_RTT_INIT_RIPAS") && e.result().contains("RTT"))
                .findFirst()
                .orElseThrow());
    assertThat(events.get(at).result()).isEqualTo("RMI_ERROR_RTT(1) (0x104)");
    assertThat(events.get(at).arguments()).contains("base=0x80000000", "top=0x80200000");
    assertThat(events.get(at - 1).kind()).isEqualTo(TraceEvent.Kind.REFUSAL);
    assertThat(events.get(at - 1).name()).isEqualTo("RMI_ERROR_RTT(1) (0x104)");
    assertThat(events.get(at - 1).result()).contains("base is unaligned to the entry reached");
    kvm.destroy();
  }

  @Test
  void whatSucceedsHasNoCause() {
    listen();
    kvm.start(1);
    kvm.slot(RAM, 2 << 20);
    kvm.read(0, RAM);
    for (int i = 1; i < events.size(); i++) {
      if (events.get(i).result().equals("RMI_SUCCESS")) {
        assertThat(events.get(i - 1).kind()).isNotEqualTo(TraceEvent.Kind.REFUSAL);
      }
    }
    kvm.destroy();
  }

  private List<String> reasons(String errno) {
    return events.stream()
        .filter(e -> e.kind() == TraceEvent.Kind.REFUSAL && e.name().equals(errno))
        .map(TraceEvent::result)
        .toList();
  }

  @Test
  void whatKvmItselfRefusesSaysWhich() {
    listen();
    kvm.start(1);
    kvm.slot(RAM, 2 << 20);
    assertThat(kvm.ioctl(populate(RAM, 4096, 0, 0))).isEqualTo(-22);
    assertThat(kvm.ioctl(populate(RAM, 4096, kvm.userAddress(RAM), 2))).isEqualTo(-22);
    assertThat(kvm.ioctl(populate(RAM + 1, 4096, kvm.userAddress(RAM), 0))).isEqualTo(-22);
    assertThat(reasons("EINVAL"))
        .containsExactly(
            "no source: a realm's launch content comes from the VMM",
            "a flag other than MEASURE",
            "base, size and source have to be whole pages, and size at least one");
    assertThat(kvm.read(0, RAM).errno().ok()).isTrue();
    assertThat(kvm.ioctl(populate(RAM, 4096, kvm.userAddress(RAM), 0))).isEqualTo(-16);
    assertThat(reasons("EBUSY"))
        .containsExactly("the realm is active: its launch content is sealed");
    kvm.destroy();
  }
}
