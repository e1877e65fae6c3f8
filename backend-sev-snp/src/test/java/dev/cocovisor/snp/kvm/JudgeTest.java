package dev.cocovisor.snp.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.snp.guest.SnpActions;
import dev.cocovisor.snp.kvm.Machine.Guest;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What the registers and the GHCB tell the guest, as its VMM judges it after a real run. */
class JudgeTest {
  private final VmmDriver vmm = new SevBackend().vmm();
  private final Machine m = new Machine();
  private final Guest g = m.running();

  private GuestAnswer after(GuestAction a) {
    return vmm.judge(a, g.run(a));
  }

  private String refusal(GuestAction a) {
    GuestAnswer answer = after(a);
    assertThat(answer).isInstanceOf(GuestAnswer.Refused.class);
    assertThat(((GuestAnswer.Refused) answer).status()).isNotZero();
    return ((GuestAnswer.Refused) answer).says();
  }

  @Test
  void instructionsThatSayNoAreRefused() {
    assertThat(after(SnpActions.pvalidate(0x5000, false, true)).done()).isTrue();
    assertThat(refusal(SnpActions.pvalidate(0x5000, false, true))).startsWith("carry flag");
    assertThat(refusal(SnpActions.pvalidate(0x5000, true, true))).isEqualTo("FAIL_INPUT");
    assertThat(refusal(SnpActions.pvalidate(0x200000, true, true))).isEqualTo("FAIL_SIZEMISMATCH");
    assertThat(refusal(SnpActions.rmpadjust(0x5000, false, 0, 1, false)))
        .isEqualTo("FAIL_PERMISSION");
    assertThat(refusal(SnpActions.rmpquery(0x5000, 0))).isEqualTo("FAIL_PERMISSION");
    assertThat(refusal(SnpActions.validate(0x5000, 1, true))).startsWith("carry flag");
  }

  @Test
  void instructionsThatFaultAreStopped() {
    assertThat(after(SnpActions.vmpl(1)).done()).isTrue();
    assertThat(after(SnpActions.pvalidate(0x5000, false, true)))
        .as("#GP above VMPL0")
        .isInstanceOf(GuestAnswer.Stopped.class);
    assertThat(after(SnpActions.vmpl(0)).done()).isTrue();
    assertThat(after(new GuestAction.Read(0x9000)))
        .as("#VC: not validated")
        .isInstanceOf(GuestAnswer.Stopped.class);
    assertThat(after(SnpActions.rmpquery(0x9000, 1)))
        .as("#VC: not validated")
        .isInstanceOf(GuestAnswer.Stopped.class);
    assertThat(after(SnpActions.pvalidate(0x4000_0000L, false, true)))
        .as("no slot")
        .isInstanceOf(GuestAnswer.AsksHost.class);
  }

  @Test
  void answersThroughTheGhcb() {
    List<Fields> one = List.of(SnpActions.entry(0x200, 2, false, 0));
    assertThat(refusal(SnpActions.pageState(0, 0, one)))
        .isEqualTo("SW_EXITINFO1 0x2, SW_EXITINFO2 0x1");
    assertThat(after(SnpActions.registerGhcb(1)).done()).isTrue();
    assertThat(after(SnpActions.pageState(0, 0, one))).isInstanceOf(GuestAnswer.AsksHost.class);
    assertThat(after(SnpActions.resume(0)).done()).isTrue();
    assertThat(after(SnpActions.pageState(0, 0, one))).isInstanceOf(GuestAnswer.AsksHost.class);
    assertThat(refusal(SnpActions.resume(22))).isEqualTo("SW_EXITINFO2 0x10000000000");
    assertThat(refusal(SnpActions.pageStateMsr(9, 3))).isEqualTo("GHCB MSR 0x8000000000000015");
    assertThat(after(SnpActions.pageStateMsr(9, 2))).isInstanceOf(GuestAnswer.AsksHost.class);
    GuestAnswer wrong = after(SnpActions.resume(5));
    assertThat(wrong).isInstanceOf(GuestAnswer.Stopped.class);
    assertThat(((GuestAnswer.Stopped) wrong).errno()).isEqualTo(Errno.EINVAL);
    assertThat(refusal(SnpActions.apCreation(1, 9, 1, 0x5000))).contains("SW_EXITINFO2 0x5");
  }

  @Test
  void accessesGiveTheirByte() {
    assertThat(after(new GuestAction.Write(0, 0x33)).done()).isTrue();
    assertThat(after(new GuestAction.Read(0))).isEqualTo(new GuestAnswer.Done(0x33));
    assertThat(after(new GuestAction.Write(0x3000_0000L, 1, GuestAction.NO_CODE, true)))
        .isInstanceOf(GuestAnswer.AsksHost.class);
  }
}
