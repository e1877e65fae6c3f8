package dev.cocovisor.host.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.KvmException;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.model.HypervisorModel;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.vmm.checked.GuestVm;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A TDX module that answers BUSY on a plan: what KVM does about it, call by call. */
class BusyModuleTest {
  // begin: busy-module
  /** Answers OPERAND_BUSY as often as planned for each leaf, and counts the calls made. */
  static final class BusyModule implements Interposer {
    private final Map<TrustedCall, Integer> planned = new HashMap<>();
    private final Map<TrustedCall, Integer> made = new HashMap<>();

    void plan(SeamCall leaf, int times) {
      planned.put(leaf, times);
      made.clear();
    }

    int calls(SeamCall leaf) {
      return made.getOrDefault(leaf, 0);
    }

    @Override
    public long before(TrustedCall call, long a0, long a1, long a2, long a3) {
      made.merge(call, 1, Integer::sum);
      int left = planned.getOrDefault(call, 0);
      planned.put(call, Math.max(0, left - 1));
      return left > 0 ? SeamStatus.OPERAND_BUSY.code() : PROCEED;
    }
  }

  // end: busy-module

  private final BusyModule module = new BusyModule();
  private final Kicks kicks = new Kicks();

  // begin: busy-model
  private final HypervisorModel model =
      HypervisorModel.builder()
          .backends(BackendRegistry.classPathOnly(), "tdx")
          .interposer(module)
          .trace(kicks)
          .build();
  // end: busy-model

  private final GuestVm td = model.guest("tdx").memory("16M").boot();

  @Test
  void aFaultIsTriedAgainWhileThePageIsBusy() {
    // begin: busy-retry
    module.plan(SeamCall.MEM_PAGE_AUG, 3);
    td.vcpu(0).accept(0x1000, 0x1000);
    assertThat(module.calls(SeamCall.MEM_PAGE_AUG)).isEqualTo(4);
    assertThat(td.kernel().isDead()).isFalse();
    // end: busy-retry
    td.vcpu(0).write(0x1000, 7);
    assertThat(td.vcpu(0).read(0x1000)).isEqualTo(7);
    assertThat(model.violations()).isEmpty();
  }

  @Test
  void aZapKicksTheVcpusOutAndTriesOnceMore() {
    // begin: busy-kick
    td.vcpu(0).accept(0x1000, 0x1000);
    module.plan(SeamCall.MEM_RANGE_BLOCK, 1);
    int before = kicks.count();
    td.punch(0x1000, 0x1000);
    assertThat(module.calls(SeamCall.MEM_RANGE_BLOCK)).isEqualTo(2);
    assertThat(kicks.count() - before).isEqualTo(2); // for BLOCK, and after TRACK as ever
    assertThat(td.kernel().isDead()).isFalse();
    // end: busy-kick
    assertThat(model.violations()).isEmpty();
  }

  @Test
  void aModuleThatStaysBusyWithoutVcpusIsABugOfTheHost() {
    // begin: busy-bug
    td.vcpu(0).accept(0x1000, 0x1000);
    module.plan(SeamCall.MEM_RANGE_BLOCK, 2);
    td.punch(0x1000, 0x1000);
    assertThat(module.calls(SeamCall.MEM_RANGE_BLOCK)).isEqualTo(2);
    assertThat(td.kernel().bugText()).startsWith("TDH.MEM.RANGE.BLOCK: ");
    assertThatThrownBy(() -> td.hostConverts(0x2000, 0x1000, false))
        .isInstanceOf(KvmException.class)
        .hasMessageContaining("EIO");
    // end: busy-bug
  }

  /** Counts the times vCPUs were kicked out of the guest. */
  private static final class Kicks implements TraceSink {
    private final List<TraceEvent> seen = new ArrayList<>();

    @Override
    public boolean enabled() {
      return true;
    }

    @Override
    public void emit(TraceEvent event) {
      if (event.name().equals("kick")) {
        seen.add(event);
      }
    }

    int count() {
      return seen.size();
    }
  }
}
