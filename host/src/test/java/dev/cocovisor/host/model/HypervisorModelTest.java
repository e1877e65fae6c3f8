package dev.cocovisor.host.model;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.inject.AbstractModule;
import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.host.KvmProcess;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What decorators and modules do to a host with a technology of the test's own. */
class HypervisorModelTest {
  private static final long PAGE = 4096;

  @Test
  void aDecoratorCountsWhatTheCoreAsksForEachPage() {
    List<Long> prepared = new ArrayList<>();
    HypervisorModel model =
        HypervisorModel.builder()
            .backend(new Plain())
            .decorate((id, vm, ops) ->
                new ForwardingVmOps(ops) {
                  @Override
                  public Errno gmemPrepare(long gfn, long pfn, int order) {
                    prepared.add(gfn);
                    return super.gmemPrepare(gfn, pfn, order);
                  }
                })
            .build();
    assertThat(preFault(model.newProcess(), 4)).isZero();
    assertThat(prepared).containsExactly(0L, 1L, 2L, 3L);
  }

  @Test
  void aTrustedHalfAnswersBusyOnAPlan() {
    List<Errno> plan = new ArrayList<>(List.of(Errno.OK, Errno.OK, Errno.EBUSY));
    HypervisorModel model =
        HypervisorModel.builder()
            .backend(new Plain())
            .decorate((id, vm, ops) ->
                new ForwardingVmOps(ops) {
                  @Override
                  public Errno gmemPrepare(long gfn, long pfn, int order) {
                    return plan.isEmpty() ? Errno.OK : plan.removeFirst();
                  }
                })
            .build();
    // The third page fails after two were mapped, so the call made progress and says so.
    assertThat(preFault(model.newProcess(), 4)).isEqualTo(2 * PAGE);
  }

  @Test
  void aModuleReplacesAPartOfTheCore() {
    List<TraceEvent> events = new ArrayList<>();
    HypervisorModel model =
        HypervisorModel.builder()
            .backend(new Plain())
            .override(
                new AbstractModule() {
                  @Override
                  protected void configure() {
                    bind(HostConfig.class).toInstance(HostConfig.DEFAULT.withMemoryFrames(1 << 16));
                    bind(TraceSink.class)
                        .toInstance(
                            new TraceSink() {
                              @Override
                              public boolean enabled() {
                                return true;
                              }

                              @Override
                              public void emit(TraceEvent event) {
                                events.add(event);
                              }
                            });
                  }
                })
            .build();
    assertThat(preFault(model.newProcess(), 1)).isZero();
    assertThat(model.part(HostConfig.class).memoryFrames()).isEqualTo(1 << 16);
    assertThat(events).isNotEmpty();
  }

  /** Pre-faults private pages of a fresh VM; returns the bytes mapped where it stopped early. */
  private static long preFault(KvmProcess vmm, int pages) {
    int dev = (int) vmm.openDevKvm();
    int vm = (int) vmm.createVm(dev, Plain.TYPE.number());
    int vcpu = (int) vmm.createVcpu(vm, 0);
    long size = pages * PAGE;
    long user = vmm.mmap(0, size, 3, 0x22, -1, 0);
    int memfd = (int) vmm.createGuestMemfd(vm, size, 0);
    assertThat(vmm.setUserMemoryRegion2(vm, 0, 4, 0, size, user, 0, memfd)).isZero();
    assertThat(vmm.setMemoryAttributes(vm, 0, size, 8, 0)).isZero();
    long[] range = {0, size};
    assertThat(vmm.preFaultMemory(vcpu, 0, range)).isZero();
    return range[1] == 0 ? 0 : range[0];
  }

  /** Private memory by attribute, nothing behind it. */
  private static final class Plain implements Backend {
    static final VmType TYPE = new VmType("PLAIN_VM", 99, Architecture.X86_64);

    @Override
    public BackendInfo info() {
      return BackendInfo.builder("plain", Architecture.X86_64)
          .version("1.0.0")
          .description("plain")
          .vmTypes(TYPE)
          .build();
    }

    @Override
    public Platform createPlatform(HostMachine host) {
      return (VmContext vm, VmType type) ->
          new VmOps() {
            @Override
            public VmTraits traits() {
              return VmTraits.SW_PROTECTED;
            }

            @Override
            public Errno gmemPrepare(long gfn, long pfn, int order) {
              return Errno.OK;
            }
          };
    }
  }
}
