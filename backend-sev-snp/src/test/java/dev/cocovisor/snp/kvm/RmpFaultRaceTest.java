package dev.cocovisor.snp.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.snp.guest.SnpActions;
import dev.cocovisor.snp.kvm.Machine.Guest;
import dev.cocovisor.snp.rmp.RmpInstruction;
import dev.cocovisor.snp.rmp.RmpOutcome;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A page that goes while an RMP fault on it is dealt with: as 7.3 and as 7.4 have it. */
class RmpFaultRaceTest {
  private static final int KEEP_SIZE_PUNCH = 3;
  private static final long HUGE = 0x200000;

  /** Does something once, before the given instruction is carried out. */
  private static void once(Machine m, RmpInstruction at, LongSupplier what) {
    AtomicInteger times = new AtomicInteger();
    m.interpose((call, _, _, _, _) -> {
      if (call == at && times.getAndIncrement() == 0) {
        assertThat(what.getAsLong()).isZero();
      }
      return Interposer.PROCEED;
    });
  }

  /** A guest on a host that converts in place, launched; its memory is private from the start. */
  private static Guest inPlace(Machine m) {
    Guest g = m.guest(4);
    assertThat(g.op("INIT2")).isZero();
    g.vcpu();
    g.ram(0, Machine.RAM);
    assertThat(g.op("SNP_LAUNCH_START", "policy", 0x30000)).isZero();
    assertThat(g.op("SNP_LAUNCH_FINISH")).isZero();
    return g;
  }

  private static long convert(Machine m, Guest g, long offset, long size, long attributes) {
    return m.vmm.setMemoryAttributes2(g.memfd, offset, size, attributes, 0, new long[1]);
  }

  /** The guest's vCPU leaves with an #NPF that says that sizes differ. */
  private static void fault(Guest g, long gpa) {
    var _ =
        new SnpFaults(g.sev(), new VmEntry(g.sev(), new SaveAreas(g.sev())))
            .handle(vm(g).vcpus().getFirst(), gpa, RmpOutcome.SIZEM);
  }

  private static VmContext vm(Guest g) {
    return g.sev().context();
  }

  /** The page behind gpa 0x403000 goes before PSMASH; its neighbour at 0x600000 stays mapped. */
  @ParameterizedTest
  @CsvSource({"7.3, false", "7.3+snp-rmp-fault@7.4, true"})
  void punchedBeforePsmash(String kernel, boolean neighbourStays) {
    Machine m = new Machine("kernel", kernel, "core.gmem-order", "9");
    Guest g = m.running();
    assertThat(g.act(SnpActions.validate(0x400000, 1024, true))).contains("huge=2");
    assertThat(vm(g).mappedPfn(0x600, true)).isPositive();
    once(m, RmpInstruction.PSMASH, () -> m.vmm.fallocate(g.memfd, KEEP_SIZE_PUNCH, 0x400000, HUGE));
    fault(g, 0x403000);
    assertThat(m.kvm.warnings()).as("the page was freed, not converted").isEmpty();
    assertThat(vm(g).mappedPfn(0x600, true) >= 0).isEqualTo(neighbourStays);
  }

  /** A conversion in place that has taken page 0 from the guest already, and a fault there. */
  @ParameterizedTest
  @CsvSource({"7.4+snp-rmp-fault@7.3, 1", "7.4, 0"})
  void unassignedByAConversion(String kernel, int warnings) {
    Machine m = new Machine("kernel", kernel);
    Guest g = inPlace(m);
    assertThat(g.act(SnpActions.validate(0x400000, 2, true))).contains("small=2");
    AtomicInteger updates = new AtomicInteger();
    m.interpose((call, _, _, _, _) -> {
      if (call == RmpInstruction.RMPUPDATE_CLEAR && updates.incrementAndGet() == 2) {
        fault(g, 0x400000);
      }
      return Interposer.PROCEED;
    });
    assertThat(convert(m, g, 0x400000, 0x2000, 0)).isZero();
    assertThat(updates.get()).isEqualTo(2);
    assertThat(m.kvm.warnings()).as("warnings").hasSize(warnings);
  }

  /** What no invalidation explains is warned of by every kernel. */
  @ParameterizedTest
  @CsvSource({"7.3", "7.4"})
  void unassignedForNoReason(String kernel) {
    Machine m = new Machine("kernel", kernel);
    Guest g = kernel.equals("7.4") ? inPlace(m) : m.running();
    assertThat(g.act(SnpActions.validate(0x400000, 1, true))).contains("small=1");
    long pfn = vm(g).gmemPfn(0x400, false);
    assertThat(m.platform().host().makeShared(vm(g), pfn, false).ok()).isTrue();
    fault(g, 0x400000);
    assertThat(m.kvm.warnings()).singleElement().asString().contains("sev_handle_rmp_fault");
  }

  /** A conversion to private of a range with the page in it: somebody holds it, or nobody. */
  @ParameterizedTest
  @CsvSource({"7.4+snp-rmp-fault@7.3, -11", "7.4, 0"})
  void convertedWhileItIsHeld(String kernel, long answer) {
    Machine m = new Machine("kernel", kernel, "core.gmem-order", "9");
    Guest g = inPlace(m);
    assertThat(g.act(SnpActions.validate(0x400000, 512, true))).contains("huge=1");
    assertThat(convert(m, g, 0x600000, 0x1000, 0)).isZero();
    AtomicInteger answered = new AtomicInteger();
    once(
        m,
        RmpInstruction.PSMASH,
        () -> {
          answered.set((int) convert(m, g, 0x400000, 2 * HUGE, Machine.PRIVATE));
          return 0;
        });
    assertThat(g.act(SnpActions.pvalidate(0x403000, false, false))).contains("rax=0");
    assertThat(answered.get()).isEqualTo((int) answer);
  }

  @Test
  void aPageThatStaysIsSplitOnEither() {
    for (String kernel : new String[] {"7.3", "7.3+snp-rmp-fault@7.4"}) {
      Machine m = new Machine("kernel", kernel, "core.gmem-order", "9");
      Guest g = m.running();
      assertThat(g.act(SnpActions.validate(0x400000, 512, true))).contains("huge=1");
      assertThat(g.act(SnpActions.pvalidate(0x403000, false, false))).contains("rax=0");
      assertThat(m.kvm.warnings()).isEmpty();
      g.close();
      assertThat(m.vmm.munmap(g.user, Machine.RAM)).isZero();
      assertThat(m.kvm.framesSinceBoot()).isZero();
    }
  }
}
