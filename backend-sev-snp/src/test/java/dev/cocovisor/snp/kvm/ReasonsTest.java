package dev.cocovisor.snp.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.snp.guest.SnpActions;
import dev.cocovisor.snp.kvm.Machine.Guest;
import org.junit.jupiter.api.Test;

/** One errno has several causes: the trace says which it was, and what the firmware was asked. */
class ReasonsTest {
  private final Machine m = Machine.listening();

  @Test
  void launchUpdateSaysWhatStoppedItsFirstPage() {
    Guest g = m.snp();
    assertThat(g.update(0, 1, 1)).isZero();
    m.events.clear();
    assertThat(g.update(0, 1, 1)).isEqualTo(-5);
    assertThat(m.reasons("EEXIST").getFirst()).endsWith("is assigned to ASID 1 already");
    assertThat(g.op("SNP_LAUNCH_UPDATE", "gfn_start", 6, "uaddr", 0x1000, "len", 4096, "type", 1))
        .isEqualTo(-5);
    assertThat(m.reasons("EIO"))
        .containsExactly(
            "the first page was refused with EFAULT: source page 0x1000 is not mapped");
    assertThat(m.vmm.setMemoryAttributes(g.vm, 0x7000, 0x1000, 0, 0)).isZero();
    assertThat(g.update(7, 1, 1)).isEqualTo(-5);
    assertThat(m.reasons("EIO")).containsExactly("the first page was refused with EINVAL");
  }

  @Test
  void policyIsJudgedBitByBit() {
    Guest g = m.guest(4);
    assertThat(g.op("INIT2")).isZero();
    assertThat(g.op("SNP_LAUNCH_START", "policy", 0x70000)).isEqualTo(-22);
    assertThat(m.reasons("EINVAL")).containsExactly("policy bits 0x40000 are not supported");
    assertThat(g.op("SNP_LAUNCH_START", "policy", 0x10000)).isEqualTo(-22);
    assertThat(m.reasons("EINVAL")).containsExactly("policy bit 17 has to be 1");
    assertThat(g.op("SNP_LAUNCH_START", "policy", 0x20000)).isEqualTo(-5);
    assertThat(m.events)
        .filteredOn(e -> e.kind() == TraceEvent.Kind.FIRMWARE)
        .filteredOn(e -> e.name().equals("SNP_LAUNCH_START"))
        .singleElement()
        .satisfies(e -> {
          assertThat(e.arguments()).contains("gctx=0x").contains("policy=0x20000");
          assertThat(e.result()).isEqualTo("POLICY_FAILURE");
        });
    assertThat(m.reasons("POLICY_FAILURE"))
        .containsExactly("multithreading is on and policy bit 16 (SMT) does not allow it");
  }

  @Test
  void guestsFaultsNameTheEntry() {
    Guest g = m.running();
    m.events.clear();
    assertThat(g.act(new GuestAction.Read(0x9000))).contains("GUEST_VC");
    assertThat(m.reasons("#VC 0x404")).contains("gpa 0x9000 is not validated");
    assertThat(g.act(SnpActions.pvalidate(0x200000, true, true))).contains("rax=6");
    assertThat(m.reasons("FAIL_SIZEMISMATCH"))
        .contains("the RMP entry has 4 KiB, the nested mapping 4 KiB");
    assertThat(g.act(SnpActions.registerGhcb(1))).contains("HLT");
    assertThat(g.act(SnpActions.apCreation(1, 0, 1, 0x9000))).contains("exitinfo2=0");
    assertThat(g.act(new GuestAction.Read(0))).contains("FAIL_ENTRY");
    assertThat(m.reasons("VMEXIT_INVALID").getFirst()).endsWith("is no VMSA in the RMP");
  }

  @Test
  void everyRefusalOfTheFirmwareHasAReason() {
    Guest g = m.guest(2);
    assertThat(g.op("INIT2")).isZero();
    assertThat(g.op("LAUNCH_FINISH")).isEqualTo(-9);
    assertThat(m.reasons("EBADF").getFirst()).contains("LAUNCH_START");
    assertThat(g.op("LAUNCH_START")).isZero();
    assertThat(g.op("LAUNCH_START")).isEqualTo(-5);
    assertThat(m.reasons("ASID_OWNED").getFirst()).contains("another guest has ASID");
    assertThat(g.op("LAUNCH_FINISH")).isEqualTo(-5);
    assertThat(m.reasons("INVALID_GUEST_STATE"))
        .containsExactly("the guest is in LAUNCH_UPDATE, not in LAUNCH_SECRET");
  }
}
