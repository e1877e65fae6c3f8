package dev.cocovisor.snp.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.snp.guest.SnpActions;
import dev.cocovisor.snp.kvm.Machine.Guest;
import dev.cocovisor.snp.psp.FwCommand;
import dev.cocovisor.snp.psp.FwStatus;
import dev.cocovisor.snp.rmp.RmpCode;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What leaks, and whether the VM is dead, after each place where the trusted half can fail. */
class LeakTableTest {
  /** Where a failure is injected, from when on, and what is done then. */
  private interface Step {
    long run(Machine m, Guest g);
  }

  private record Row(
      String where,
      boolean launched,
      Step inject,
      Step act,
      long result,
      long leaked,
      boolean dead) {}

  private static Step rmp(String name, int code) {
    return (m, _) -> {
      m.alsoInterpose((c, _, _, _, _) -> c.callName().equals(name) ? code : Interposer.PROCEED);
      return 0;
    };
  }

  private static Step firmware(FwCommand... commands) {
    var these = java.util.EnumSet.copyOf(java.util.List.of(commands));
    return (m, _) -> {
      m.alsoInterpose((c, _, _, _, _) ->
          these.contains(c) ? FwStatus.HWERROR_PLATFORM.code() : Interposer.PROCEED);
      return 0;
    };
  }

  /** RMPUPDATE works until the n-th call from here. */
  private static Step rmpAfter(int calls) {
    return (m, _) -> {
      int[] left = {calls};
      m.alsoInterpose((c, _, _, _, _) ->
          c.callName().equals("RMPUPDATE") && left[0]-- <= 0
              ? RmpCode.FAIL_PERMISSION
              : Interposer.PROCEED);
      return 0;
    };
  }

  private static final Step CLOSE =
      (_, g) -> {
        g.close();
        return 0;
      };
  private static final Step UPDATE = (_, g) -> g.update(0, 1, 1);
  private static final Step FINISH = (_, g) -> g.op("SNP_LAUNCH_FINISH");
  private static final Step FAULT =
      (_, g) -> g.act(SnpActions.pvalidate(0x5000, false, true)).contains("MEMORY_FAULT") ? -14 : 0;

  private static final Row[] TABLE = {
    new Row("RMPUPDATE of a page to launch with", false, rmpAfter(0), UPDATE, -5, 0, false),
    new Row(
        "SNP_LAUNCH_UPDATE refused",
        false,
        firmware(FwCommand.SNP_LAUNCH_UPDATE),
        UPDATE,
        -5,
        0,
        false),
    new Row(
        "SNP_LAUNCH_UPDATE refused, then PAGE_RECLAIM",
        false,
        firmware(FwCommand.SNP_LAUNCH_UPDATE, FwCommand.SNP_PAGE_RECLAIM),
        UPDATE,
        -5,
        1,
        true),
    new Row(
        "SNP_LAUNCH_UPDATE refused, then RMPUPDATE back",
        false,
        (m, g) -> firmware(FwCommand.SNP_LAUNCH_UPDATE).run(m, g) + rmpAfter(1).run(m, g),
        UPDATE,
        -5,
        1,
        true),
    new Row("RMPUPDATE of a VMSA", false, rmpAfter(0), FINISH, -14, 0, false),
    new Row(
        "SNP_LAUNCH_UPDATE of a VMSA, then PAGE_RECLAIM",
        false,
        firmware(FwCommand.SNP_LAUNCH_UPDATE, FwCommand.SNP_PAGE_RECLAIM),
        FINISH,
        -5,
        1,
        true),
    new Row(
        "SNP_LAUNCH_FINISH refused",
        false,
        firmware(FwCommand.SNP_LAUNCH_FINISH),
        FINISH,
        -5,
        0,
        false),
    new Row("RMPUPDATE at a fault", true, rmpAfter(0), FAULT, -14, 0, false),
    new Row(
        "RMPUPDATE at a fault overlaps for ever",
        true,
        rmp("RMPUPDATE", RmpCode.FAIL_OVERLAP),
        FAULT,
        -14,
        0,
        true),
    new Row(
        "RMPUPDATE when a hole is punched: freed assigned, not counted",
        true,
        rmpAfter(0),
        (m, g) -> m.vmm.fallocate(g.memfd, 3, 0, 0x1000),
        0,
        0,
        false),
    new Row(
        "RMPUPDATE at the end: VMSA, response and context pages",
        true,
        rmpAfter(0),
        CLOSE,
        0,
        3,
        true),
    new Row(
        "PAGE_RECLAIM at the end: response and context pages",
        true,
        firmware(FwCommand.SNP_PAGE_RECLAIM),
        CLOSE,
        0,
        2,
        false),
    new Row(
        "SNP_DECOMMISSION at the end: context page and ASID",
        true,
        firmware(FwCommand.SNP_DECOMMISSION),
        CLOSE,
        0,
        1,
        false),
    new Row("nothing", true, (_, _) -> 0, CLOSE, 0, 0, false),
  };

  @TestFactory
  Stream<DynamicTest> rows() {
    return Stream.of(TABLE).map(r -> DynamicTest.dynamicTest(r.where, () -> check(r)));
  }

  private static void check(Row r) {
    Machine m = new Machine("sev-snp.overlap-retries", "50");
    Guest g = r.launched ? m.running() : m.snp();
    var vm = java.util.Objects.requireNonNull(m.vmm.vm(g.vm)).context();
    r.inject.run(m, g);
    assertThat(r.act.run(m, g)).isEqualTo(r.result);
    assertThat(m.platform().host().leakedPages()).as("leaked").isEqualTo(r.leaked);
    assertThat(vm.isDead()).as("dead").isEqualTo(r.dead);
    System.out.printf(
        "leak | %-62s | %4d | %d | %s | livelocks %d%n",
        r.where, r.result, r.leaked, r.dead ? "dead" : "alive", m.platform().host().livelocks());
  }
}
