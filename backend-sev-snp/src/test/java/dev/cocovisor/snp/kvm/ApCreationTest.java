package dev.cocovisor.snp.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.snp.guest.SnpActions;
import dev.cocovisor.snp.kvm.Machine.Guest;
import dev.cocovisor.snp.rmp.CpuMode;
import dev.cocovisor.snp.rmp.HostInstructions;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** A guest starts, stops and loses its other vCPU; VMRUN looks at the pages each time. */
class ApCreationTest {
  private static final long VMSA = 0x5000;

  private final Machine m = new Machine();
  private final Guest g = m.snp();
  private final int bsp = g.vcpu;
  private final int ap = (int) m.vmm.createVcpu(g.vm, 1);

  private void launch() {
    assertThat(g.update(0, 1, 1)).isZero();
    assertThat(g.op("SNP_LAUNCH_FINISH")).isZero();
    assertThat(g.act(SnpActions.registerGhcb(1))).contains("KVM_EXIT_HLT");
  }

  private String onAp(GuestAction a) {
    g.vcpu = ap;
    String r = g.act(a);
    g.vcpu = bsp;
    return r;
  }

  private static GuestAction read(long gpa) {
    return new GuestAction.Read(gpa);
  }

  private void vmsa(boolean on) {
    assertThat(g.act(SnpActions.rmpadjust(VMSA, false, 1, 0, on))).contains("rax=0");
  }

  private static Fields create(int request, int apicId, long features, long vmsa) {
    return SnpActions.apCreation(request, apicId, features, vmsa).fields();
  }

  @TestFactory
  Stream<DynamicTest> requestsAreCheckedInOrder() {
    launch();
    record Case(String name, Fields f, int info1, int info2) {}
    return Stream.of(
            new Case("a good one", create(1, 1, 1, VMSA), 0, 0),
            new Case("no such vCPU", create(1, 2, 1, VMSA), 2, 5),
            new Case("features of another guest", create(1, 1, 0x21, VMSA), 2, 5),
            new Case("address between pages", create(1, 1, 1, 0x5010), 2, 5),
            new Case("address beyond memory", create(1, 1, 1, 1L << 52), 2, 5),
            new Case("start of 2 MiB", create(1, 1, 1, 0x400000), 2, 5),
            new Case("unknown request", create(3, 1, 1, VMSA), 2, 5),
            new Case(
                "destroy needs no rax", new Fields().put("request", 2).put("apic_id", 1), 0, 0),
            new Case("destroy of no vCPU", new Fields().put("request", 2).put("apic_id", 7), 2, 5),
            new Case(
                "create without rax",
                new Fields().put("request", 1).put("apic_id", 1).put("vmsa", VMSA),
                2,
                4))
        .map(c ->
            DynamicTest.dynamicTest(
                c.name,
                () ->
                    assertThat(g.act(new GuestAction.Vendor("ap_creation", c.f)))
                        .contains("{exitinfo1=" + c.info1 + ", exitinfo2=" + c.info2 + "}")));
  }

  @Test
  void guestWithoutRegisteredGhcbCannotAsk() {
    assertThat(g.update(0, 1, 1)).isZero();
    assertThat(g.op("SNP_LAUNCH_FINISH")).isZero();
    assertThat(g.act(SnpActions.apCreation(1, 1, 1, VMSA)))
        .isEqualTo("KVM_EXIT_HLT {exitinfo1=2, exitinfo2=1}");
  }

  @Test
  void createdVcpuRunsOnThePageTheGuestMadeAVmsa() {
    launch();
    assertThat(g.act(SnpActions.pvalidate(VMSA, false, true))).contains("rax=0");
    assertThat(g.act(SnpActions.apCreation(1, 1, 1, VMSA))).contains("exitinfo2=0");
    // Until the page is a VMSA the vCPU cannot be entered.
    assertThat(onAp(read(0))).startsWith("KVM_EXIT_FAIL_ENTRY");
    vmsa(true);
    assertThat(onAp(read(0))).isEqualTo("HLT 0");
    // A page that is not there makes the vCPU runnable without a save area.
    assertThat(g.act(SnpActions.apCreation(1, 1, 1, 0x4001000))).contains("exitinfo2=0");
    assertThat(onAp(read(0))).startsWith("KVM_EXIT_FAIL_ENTRY");
  }

  @Test
  void creationOnInitWaitsForIt() {
    launch();
    assertThat(g.act(SnpActions.pvalidate(VMSA, false, true))).contains("rax=0");
    vmsa(true);
    assertThat(g.act(SnpActions.apCreation(2, 1, 0, 0))).contains("exitinfo2=0");
    assertThat(onAp(read(0))).startsWith("EINTR");
    assertThat(g.act(SnpActions.apCreation(0, 1, 1, VMSA))).contains("exitinfo2=0");
    assertThat(onAp(read(0))).startsWith("EINTR");
    assertThat(g.act(SnpActions.initSipi(1))).startsWith("HLT");
    assertThat(onAp(read(0))).isEqualTo("HLT 0");
    // A second INIT finds nothing to do.
    assertThat(g.act(SnpActions.initSipi(1))).startsWith("HLT");
    assertThat(g.act(SnpActions.initSipi(9))).startsWith("HLT");
    assertThat(onAp(read(0))).isEqualTo("HLT 0");
  }

  @Test
  void everyEntryLooksAtTheVmsaAgain() {
    launch();
    assertThat(g.act(SnpActions.pvalidate(VMSA, false, true))).contains("rax=0");
    vmsa(true);
    assertThat(g.act(SnpActions.apCreation(1, 1, 1, VMSA))).contains("exitinfo2=0");
    for (int round = 0; round < 3; round++) {
      assertThat(onAp(read(0))).isEqualTo("HLT 0");
      vmsa(false);
      for (GuestAction a :
          List.of(
              read(0),
              new GuestAction.Write(0, 1),
              new GuestAction.Fetch(0, true),
              SnpActions.pvalidate(0x6000, false, true),
              SnpActions.pageStateMsr(9, 2),
              new GuestAction.Hypercall(12, new long[] {0, 1, 0, 0}, GuestAction.NO_CODE))) {
        assertThat(onAp(a)).as("%s", a).startsWith("KVM_EXIT_FAIL_ENTRY");
      }
      vmsa(true);
    }
    // The page leaves the guest: its VMSA is gone with it.
    assertThat(m.vmm.fallocate(g.memfd, 3, VMSA, 0x1000)).isZero();
    assertThat(onAp(read(0))).startsWith("KVM_EXIT_FAIL_ENTRY");
    assertThat(g.act(read(0))).startsWith("HLT");
  }

  @Test
  void vmcbThatIsNotTheHostsKillsTheHost() {
    launch();
    SevVm sev = g.sev();
    SevVcpu s = sev.stateOf(Objects.requireNonNull(m.vmm.vm(g.vm)).context().vcpus().getFirst());
    assertThat(s.vmcb % 512).as("no head of 2 MiB").isNotZero();
    var cpu = new HostInstructions(m.platform().rmp());
    assertThat(cpu.rmpupdate(CpuMode.HOST, s.vmcb << 12, 0, HostInstructions.ASSIGN, sev.asid()))
        .isZero();
    assertThat(g.act(read(0))).startsWith("HOST_GP");
    assertThat(g.run(read(0)).errno()).isEqualTo(Errno.EIO);
    assertThat(cpu.rmpupdate(CpuMode.HOST, s.vmcb << 12, 0, 0, 0)).isZero();
    g.vcpu = bsp;
    assertThat(m.vmm.close(ap)).isZero();
    g.close();
  }

  @Test
  void sevEsGuestDoesNotRunOnSaveAreasTheFirmwareDidNotSee() {
    Guest es = m.guest(3);
    assertThat(es.op("INIT2")).isZero();
    es.vcpu();
    es.user = m.vmm.mmap(0, 1 << 20, 3, 0x4022, -1, 0);
    assertThat(m.vmm.setUserMemoryRegion(es.vm, 0, 0, 0, 1 << 20, es.user)).isZero();
    assertThat(es.op("LAUNCH_START", "policy", 4)).isZero();
    assertThat(es.act(read(0))).startsWith("KVM_EXIT_FAIL_ENTRY");
    assertThat(es.op("LAUNCH_UPDATE_VMSA")).isZero();
    assertThat(es.act(read(0))).startsWith("HLT");
  }
}
