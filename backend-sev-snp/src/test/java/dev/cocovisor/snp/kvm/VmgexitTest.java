package dev.cocovisor.snp.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.snp.guest.SnpActions;
import dev.cocovisor.snp.kvm.Machine.Guest;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** What KVM asks of a GHCB before it takes it, in order, and what it answers. */
class VmgexitTest {
  private static final long GHCB = 0x1000;

  private static Fields event(long code, Object... more) {
    Fields f = new Fields().put("exit_code", code).put("exitinfo1", 0).put("exitinfo2", 0);
    for (int i = 0; i < more.length; i += 2) {
      f.put((String) more[i], ((Number) more[i + 1]).longValue());
    }
    return f;
  }

  private static String ended(long msr) {
    return "KVM_EXIT_SYSTEM_EVENT {type=6, ndata=1, data[0]=" + msr + "}";
  }

  private static String told(int info1, long info2) {
    return "KVM_EXIT_HLT {exitinfo1=" + info1 + ", exitinfo2=" + info2 + "}";
  }

  private record Case(String name, Fields ghcb, String answer) {}

  private static final Case[] SNP = {
    new Case("no address", event(0x8000fffdL, "ghcb", 0), "HLT -1"),
    new Case("no memory there", event(0x8000fffdL, "ghcb", 1L << 40), "HLT -1"),
    new Case("another GHCB", event(0x8000fffdL, "ghcb", 0x2000), told(2, 1)),
    new Case("usage", event(0x8000fffdL, "usage", 1), told(2, 2)),
    new Case("another GHCB, and usage", event(1, "ghcb", 0x2000, "usage", 1), told(2, 1)),
    new Case("usage, and no fields", new Fields().put("usage", 1), told(2, 2)),
    new Case("no exit code", new Fields().put("exitinfo1", 0).put("exitinfo2", 0), told(2, 4)),
    new Case("no SW_EXITINFO2", new Fields().put("exit_code", 1).put("exitinfo1", 0), told(2, 4)),
    new Case("no such event", event(0x8000fffcL), told(2, 6)),
    new Case("64 bits of event", event(0x1_0000_0072L), told(2, 6)),
    new Case("features", event(0x8000fffdL), told(0, 3)),
    new Case("jump table unset", event(0x80000005L, "exitinfo1", 1), told(0, 0)),
    new Case("jump table otherwise", event(0x80000005L, "exitinfo1", 2), told(2, 5)),
    new Case("state change without scratch", event(0x80000010L), told(2, 4)),
    new Case("state change, scratch 0", event(0x80000010L, "scratch", 0), told(2, 3)),
    new Case("scratch in the save area", event(0x80000010L, "scratch", 0x1400), told(2, 3)),
    new Case("scratch at the end", event(0x80000010L, "scratch", 0x1fec), told(2, 3)),
    new Case(
        "more entries than are left of the buffer",
        event(0x80000010L, "scratch", 0x1fd8, "end_entry", 2),
        "KVM_EXIT_HLT {exitinfo2=" + (1L << 32 | 1) + ", cur_entry=0}"),
    new Case("scratch elsewhere", event(0x80000010L, "scratch", 0x5000), told(2, 3)),
    new Case("creation without RAX", event(0x80000013L, "exitinfo1", 1), told(2, 4)),
    new Case("destruction needs none", event(0x80000013L, "exitinfo1", 2), told(0, 0)),
    new Case(
        "creation of nobody", event(0x80000013L, "exitinfo1", 9L << 32 | 1, "rax", 1), told(2, 5)),
    new Case(
        "request to itself",
        event(0x80000011L, "exitinfo1", 0x5000, "exitinfo2", 0x5000),
        told(2, 5)),
    new Case(
        "request across", event(0x80000012L, "exitinfo1", 0x5008, "exitinfo2", 0x6000), told(2, 5)),
    new Case("MMIO of nothing", event(0x80000001L, "scratch", 0x1800), told(0, 0)),
    new Case("MMIO of 9", event(0x80000002L, "exitinfo2", 9, "scratch", 0x1800), told(2, 5)),
    new Case(
        "string IO of more than an int counts, sev_es_string_io",
        event(0x7b, "exitinfo1", 0x14, "exitinfo2", 1L << 31, "scratch", 0x1800),
        "EINVAL KVM_EXIT_UNKNOWN"),
    new Case(
        "string IO of nothing needs no area, sev_es_string_io",
        event(0x7b, "exitinfo1", 0x14, "scratch", 0),
        told(0, 0)),
    new Case(
        "string IO beyond the shared buffer, setup_vmgexit_scratch",
        event(0x7b, "exitinfo1", 0x24, "exitinfo2", 1017, "scratch", 0x1800),
        told(2, 3)),
    new Case(
        "string IO as much as the buffer holds, kvm_sev_es_outs",
        event(0x7b, "exitinfo1", 0x3f80024, "exitinfo2", 1016, "scratch", 0x1800),
        "KVM_EXIT_IO {direction=1, size=2, port=1016, count=1016}"),
    new Case("CPUID goes to its handler", event(0x72, "rax", 0, "rcx", 0), told(0, 0)),
    new Case(
        "RDTSC has no handler, svm_invoke_exit_handler", event(0x6e), "KVM_EXIT_INTERNAL_ERROR"),
    new Case("MMIO without scratch", event(0x80000002L, "exitinfo2", 4), told(2, 4)),
    new Case("a #VC it does not know", event(0x8000ffffL), "EINVAL KVM_EXIT_UNKNOWN"),
    new Case("its end, data[0] is the GHCB", event(0x8000fffeL), ended(0x1000)),
    new Case("NMI done", event(0x80000003L), told(0, 0)),
  };

  @TestFactory
  Stream<DynamicTest> eventsOfAnSnpGuest() {
    return Stream.of(SNP)
        .map(c ->
            DynamicTest.dynamicTest(
                c.name,
                () -> {
                  Guest g = new Machine().running();
                  assertThat(g.m.vmm.enableCap(g.vm, 201, 0, 1 << 12)).isZero();
                  assertThat(g.act(SnpActions.registerGhcb(GHCB >> 12))).contains("ghcb_msr");
                  assertThat(g.act(SnpActions.vmgexit(c.ghcb))).isEqualTo(c.answer);
                }));
  }

  private static Guest es() {
    Guest g = new Machine().guest(3);
    assertThat(g.op("INIT2")).isZero();
    g.vcpu();
    g.user = g.m.vmm.mmap(0, 1 << 20, 3, 0x4022, -1, 0);
    assertThat(g.m.vmm.setUserMemoryRegion(g.vm, 0, 0, 0, 1 << 20, g.user)).isZero();
    assertThat(g.op("LAUNCH_START", "policy", 4)).isZero();
    assertThat(g.op("LAUNCH_UPDATE_VMSA")).isZero();
    return g;
  }

  @Test
  void eventsOfAnEsGuest() {
    Guest g = es();
    // Nobody registers; SNP's events are not for it, which is asked before its fields.
    assertThat(g.act(SnpActions.vmgexit(event(0x80000010L, "ghcb", GHCB)))).isEqualTo(told(2, 6));
    assertThat(g.act(SnpActions.vmgexit(event(0x80000013L, "ghcb", GHCB)))).isEqualTo(told(2, 6));
    assertThat(g.act(SnpActions.vmgexit(event(0x80000005L, "ghcb", GHCB, "exitinfo2", 0x9000))))
        .isEqualTo(told(0, 0));
    assertThat(g.act(SnpActions.vmgexit(event(0x80000005L, "ghcb", GHCB, "exitinfo1", 1))))
        .isEqualTo(told(0, 0x9000));
    assertThat(
            g.act(
                SnpActions.vmgexit(
                    event(0x80000001L, "ghcb", GHCB, "exitinfo2", 4, "scratch", 0x1800))))
        .isEqualTo("KVM_EXIT_MMIO");
  }

  private static String message(Guest g, long msr) {
    return g.act(SnpActions.vmgexit(new Fields().put("ghcb", msr)));
  }

  @Test
  void messagesByTheMsr() {
    Guest g = new Machine().running();
    assertThat(message(g, 0x002)).contains("ghcb_msr=" + (2L << 48 | 1L << 32 | 51L << 24 | 1));
    assertThat(message(g, 0x080)).contains("ghcb_msr=" + (3L << 12 | 0x81));
    assertThat(message(g, 0x010)).contains("ghcb_msr=" + (-1L << 12 | 0x11));
    assertThat(message(g, 0x7012)).contains("ghcb_msr=" + 0x7013);
    assertThat(message(g, 1L << 52 | 0x9014)).isEqualTo("HYPERCALL 9000 1 10");
    assertThat(g.act(SnpActions.resume(0))).contains("ghcb_msr=21");
    assertThat(message(g, 0xabc)).as("left as it is").contains("ghcb_msr=" + 0xabc);
    assertThat(message(g, 0x100)).isEqualTo(ended(0x100));
    Guest e = es();
    for (long snpOnly : new long[] {0x010, 0x7012, 1L << 52 | 0x9014}) {
      assertThat(message(e, snpOnly)).isEqualTo(ended(snpOnly));
    }
  }

  @Test
  void parkedVcpuWaitsForItsSipi() {
    Guest told = new Machine().running();
    assertThat(message(told, 0x006)).startsWith("KVM_EXIT_AP_RESET_HOLD");
    assertThat(told.act(new GuestAction.Read(0))).isEqualTo("HLT 0");
    Guest g = new Machine().withSplitIrqchip().running();
    assertThat(message(g, 0x006)).startsWith("EINTR");
    assertThat(g.act(new GuestAction.Read(0))).startsWith("EINTR");
    g.sev().stateOf(g.sev().context().vcpus().getFirst()).resetHold = false;
    assertThat(g.act(new GuestAction.Read(0))).isEqualTo("HLT 0");
  }

  @Test
  void dataIsNoStatus() {
    Guest g = new Machine().running();
    assertThat(g.act(SnpActions.registerGhcb(1))).contains("ghcb_msr");
    GuestAction features = SnpActions.event(SnpActions.HV_FEATURES, 0, 0);
    assertThat(new SevBackend().vmm().judge(features, g.run(features)))
        .isEqualTo(new GuestAnswer.Done(3));
    GuestAction unknown = SnpActions.event(0x8000_fffcL, 0, 0);
    assertThat(new SevBackend().vmm().judge(unknown, g.run(unknown)))
        .isInstanceOf(GuestAnswer.Refused.class);
  }
}
