package dev.cocovisor.snp.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.trusted.TrustedFault.How;
import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.snp.guest.SnpActions;
import dev.cocovisor.snp.kvm.Machine.Guest;
import dev.cocovisor.snp.rmp.RmpCode;
import dev.cocovisor.snp.rmp.RmpInstruction;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** A failure planned at each kind of call: what is answered, and that the next one works again. */
class FaultPlanTest {
  private static Errno plan(Machine m, TrustedOperation at, How how) {
    return m.platform().plan(TrustedFault.at(at, how, 1));
  }

  /** What is done while a failure is planned, as text; the same again must work. */
  private interface Step {
    String run(Machine m, Guest g);
  }

  private record Row(
      TrustedOperation at, How how, boolean launched, Step step, String fails, String works) {}

  private static String number(long answer) {
    return Long.toString(answer);
  }

  private static final Step START = (_, g) -> number(g.op("SNP_LAUNCH_START", "policy", 0x30000));
  private static final Step UPDATE = (_, g) -> number(g.update(0, 1, 1));
  private static final Step TOUCH = (_, g) -> g.act(SnpActions.pvalidate(0x9000, false, true));
  private static final Step PUNCH = (m, g) -> number(m.vmm.fallocate(g.memfd, 3, 0x9000, 0x1000));
  private static final Step READ = (_, g) -> g.act(new GuestAction.Read(0));

  private static final Row[] ROWS = {
    new Row(TrustedOperation.POPULATE, How.REFUSED, false, UPDATE, "-5", "0"),
    new Row(TrustedOperation.MAP, How.REFUSED, true, TOUCH, "EFAULT MEMORY_FAULT 8 9000", "rax=0"),
    new Row(TrustedOperation.MAP, How.BUSY, true, TOUCH, "rax=0", "rax=0"),
    new Row(TrustedOperation.UNMAP, How.BUSY, true, PUNCH, "0", "0"),
    new Row(TrustedOperation.UNMAP, How.REFUSED, true, PUNCH, "0", "0"),
    new Row(TrustedOperation.ENTER, How.REFUSED, true, READ, "KVM_EXIT_FAIL_ENTRY", "HLT 0"),
    new Row(TrustedOperation.ENTER, How.INTERRUPTED, true, READ, "HLT 0", "HLT 0"),
  };

  @TestFactory
  Stream<DynamicTest> eachKindFailsOnceAndWorksAgain() {
    return Stream.of(ROWS)
        .map(r ->
            DynamicTest.dynamicTest(
                r.at + " " + r.how,
                () -> {
                  Machine m = new Machine();
                  Guest g = r.launched ? m.running() : m.snp();
                  assertThat(plan(m, r.at, r.how)).isEqualTo(Errno.OK);
                  assertThat(r.step.run(m, g)).as("planned").contains(r.fails);
                  assertThat(r.step.run(m, g)).as("again").contains(r.works);
                }));
  }

  @Test
  void creationFails() {
    Machine m = new Machine();
    Guest g = m.guest(4);
    assertThat(g.op("INIT2")).isZero();
    assertThat(plan(m, TrustedOperation.CREATE, How.REFUSED)).isEqualTo(Errno.OK);
    assertThat(START.run(m, g)).as("GCTX_CREATE: the reason is lost").isEqualTo("-25");
    assertThat(m.platform().plan(TrustedFault.ofCall("SNP_ACTIVATE", How.REFUSED, 1)))
        .isEqualTo(Errno.OK);
    assertThat(START.run(m, g)).isEqualTo("-5");
    assertThat(g.out.number("error")).isEqualTo(0x13);
    assertThat(START.run(m, g)).isEqualTo("0");
  }

  @Test
  void finalizationFailsForGood() {
    Machine m = new Machine();
    Guest g = m.snp();
    assertThat(plan(m, TrustedOperation.FINALIZE, How.REFUSED)).isEqualTo(Errno.OK);
    assertThat(g.op("SNP_LAUNCH_FINISH")).isEqualTo(-Errno.EIO.number());
    // The save areas were measured before, and are not measured twice.
    assertThat(g.op("SNP_LAUNCH_FINISH")).isEqualTo(-Errno.EINVAL.number());
  }

  @Test
  void vcpuOfASevEsGuestIsNotMeasured() {
    Machine m = new Machine();
    Guest g = m.guest(3);
    assertThat(g.op("INIT2")).isZero();
    g.vcpu();
    assertThat(g.op("LAUNCH_START", "policy", 4)).isZero();
    assertThat(plan(m, TrustedOperation.VCPU, How.REFUSED)).isEqualTo(Errno.OK);
    assertThat(g.op("LAUNCH_UPDATE_VMSA")).isEqualTo(-Errno.EIO.number());
    assertThat(g.op("LAUNCH_UPDATE_VMSA")).isZero();
  }

  @Test
  void reclaimFailsAndLeaks() {
    Machine m = new Machine();
    Guest g = m.running();
    assertThat(plan(m, TrustedOperation.RECLAIM, How.REFUSED)).isEqualTo(Errno.OK);
    g.close();
    assertThat(m.platform().host().leakedPages()).isEqualTo(1);
  }

  @Test
  void splitThatIsBusyIsTriedAgain() {
    Machine m = new Machine();
    Guest g = m.running();
    long head = 1L << 18;
    VmContext vm = g.sev().context();
    assertThat(m.platform().host().makePrivate(vm, head, 1L << 30, true, g.sev().asid(), false))
        .isEqualTo(Errno.OK);
    assertThat(plan(m, TrustedOperation.SPLIT, How.REFUSED)).isEqualTo(Errno.OK);
    assertThat(m.platform().host().psmash(vm, head)).isEqualTo(RmpCode.FAIL_PERMISSION);
    assertThat(m.platform().rmp().huge(head)).isTrue();
    int[] asked = {0};
    m.interpose((c, _, _, _, _) -> {
      asked[0] += c == RmpInstruction.PSMASH ? 1 : 0;
      return Interposer.PROCEED;
    });
    assertThat(m.platform().plan(TrustedFault.at(TrustedOperation.SPLIT, How.BUSY, 3)))
        .isEqualTo(Errno.OK);
    assertThat(m.platform().host().psmash(vm, head)).isZero();
    assertThat(asked[0]).as("the three that were busy never got to the host's own").isEqualTo(1);
    for (long pfn = head; pfn < head + 512; pfn++) {
      assertThat(m.platform().host().makeShared(vm, pfn, false).ok()).isTrue();
    }
  }

  @Test
  void whatNeverFailsSoIsSaid() {
    Machine m = new Machine();
    var _ = m.guest(4);
    assertThat(plan(m, TrustedOperation.LINK, How.REFUSED)).isEqualTo(Errno.ENOENT);
    assertThat(plan(m, TrustedOperation.POPULATE, How.BUSY)).isEqualTo(Errno.EOPNOTSUPP);
    assertThat(plan(m, TrustedOperation.MAP, How.INTERRUPTED)).isEqualTo(Errno.EOPNOTSUPP);
    assertThat(m.platform().plan(TrustedFault.ofCall("TDH.MNG.CREATE", How.BUSY, 1)))
        .isEqualTo(Errno.ENOENT);
  }

  @Test
  void everyRowHasItsOwnNumberAndRefuses() {
    Machine m = new Machine();
    var _ = m.guest(4);
    assertThat(m.platform().trustedCalls()).hasSizeGreaterThan(40);
    for (TrustedCall c : m.platform().trustedCalls()) {
      assertThat(m.platform().plan(TrustedFault.ofCall(c.callName(), How.REFUSED, 1)))
          .as(c.callName())
          .isEqualTo(Errno.OK);
    }
  }
}
