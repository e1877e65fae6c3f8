package dev.cocovisor.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.cca.guest.Rsi;
import dev.cocovisor.cca.kvm.CcaBackend;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.pkvm.guest.Hvc;
import dev.cocovisor.pkvm.kvm.PkvmBackend;
import dev.cocovisor.snp.guest.SnpActions;
import dev.cocovisor.snp.kvm.SevBackend;
import dev.cocovisor.tdx.guest.TdCalls;
import dev.cocovisor.tdx.kvm.TdxBackend;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.GuestLaunch;
import dev.cocovisor.vmm.Outcome;
import dev.cocovisor.vmm.Technology;
import dev.cocovisor.vmm.checked.GuestStopped;
import dev.cocovisor.vmm.checked.GuestVm;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * What a guest of each technology is told, from its instruction to its VMM and to a test in Java:
 * what was refused is refused for all of them.
 */
class ToldTest {
  private static final long PAGE = 4096;

  private Kvm kvm = new Kvm(HostConfig.DEFAULT, List.of());

  private GuestVm boot(Backend backend) {
    kvm =
        new Kvm(
            HostConfig.DEFAULT.withArchitecture(backend.info().architecture()), List.of(backend));
    KvmProcess process = new KvmProcess(kvm);
    return GuestVm.launch(
            new Guest(Technology.of(backend), process, GuestLaunch.DEFAULT.withVcpus(1)), process)
        .finish();
  }

  @AfterEach
  void end() {
    kvm.close();
  }

  private static void isRefused(GuestVm guest, GuestAction action, long status, String says) {
    Outcome.Told told = guest.guest().act(0, action);
    assertThat(told.answer()).isEqualTo(new GuestAnswer.Refused(status, says));
    assertThat(told.done()).isFalse();
    assertThatThrownBy(() -> guest.vcpu(0).run(action))
        .isInstanceOf(GuestStopped.class)
        .hasMessageContaining("refused with " + says)
        .satisfies(e ->
            assertThat(((GuestStopped) e).answer())
                .isEqualTo(new GuestAnswer.Refused(status, says)));
  }

  @Test
  void pvalidateWithRax1IsRefused() {
    GuestVm guest = boot(new SevBackend());
    isRefused(guest, SnpActions.pvalidate(1, false, true), 1, "FAIL_INPUT");
    guest.vcpu(0).accept(0, PAGE);
    guest.vcpu(0).write(0, 7);
    assertThat(guest.vcpu(0).read(0)).isEqualTo(7);
  }

  @Test
  void anRmpInstructionThatFaultsIsStopped() {
    GuestVm guest = boot(new SevBackend());
    // Nothing was validated: #VC. Source: APM volume 3, RMPADJUST.
    Outcome.Told told = guest.guest().act(0, SnpActions.rmpadjust(0, false, 1, 1, false));
    assertThat(told.answer()).isInstanceOf(GuestAnswer.Stopped.class);
    assertThat(told.toString()).contains("#VC");
    // And #GP, which a guest at CPL 0 does not take here by itself.
    var exit = new Exit.Vendor(5, "KVM_EXIT_HLT", new Fields().put("fault", "#GP"));
    assertThat(
            new SevBackend().vmm().judge(SnpActions.pvalidate(0, false, true), RunResult.ok(exit)))
        .isEqualTo(new GuestAnswer.Stopped(Errno.OK, exit));
  }

  @Test
  void anRsiWithX0Of1IsRefused() {
    GuestVm guest = boot(new CcaBackend());
    long ram = guest.guest().gpa(0);
    isRefused(guest, Rsi.ipaStateSet(ram + 1, ram + PAGE, Rsi.RAM, 0), 1, "RSI_ERROR_INPUT");
  }

  @Test
  void anHvcThatReturnsMinus3IsRefused() {
    GuestVm guest = boot(new PkvmBackend());
    long ram = guest.guest().gpa(0);
    isRefused(guest, new Hvc(Hvc.MEM_SHARE, ram + 1, 0, 0).action(), -3, "INVALID_PARAMETER");
  }

  @Test
  void aMapGpaThatTheVmmPutsOffIsRefusedWithStatus1() {
    GuestVm guest = boot(new TdxBackend());
    long shared = guest.guest().address(0, true);
    Outcome.Told asked = guest.guest().act(0, TdCalls.mapGpa(shared, PAGE));
    assertThat(asked.answer()).isInstanceOf(GuestAnswer.AsksHost.class);
    isTold(guest, new GuestAction.Resume(Errno.EAGAIN.number()), 1, "TDVMCALL_STATUS_RETRY");
    isTold(
        guest,
        TdCalls.mapGpa(shared + 1, PAGE),
        0x8000000000000002L,
        "TDVMCALL_STATUS_ALIGN_ERROR");
  }

  private static void isTold(GuestVm guest, GuestAction action, long status, String says) {
    assertThat(guest.guest().act(0, action).answer())
        .isEqualTo(new GuestAnswer.Refused(status, says));
  }

  @Test
  void convertingOutsideARealmDoesNotReturnNormally() {
    GuestVm guest = boot(new CcaBackend());
    long outside = 1L << 52;
    assertThatThrownBy(() -> guest.vcpu(0).convertToPrivate(outside, PAGE))
        .isInstanceOf(GuestStopped.class)
        .hasMessageContaining("RSI_ERROR_INPUT");
  }

  @Test
  void theHostOfAProtectedGuestConvertsNothing() {
    GuestVm guest = boot(new PkvmBackend());
    assertThat(guest.guest().hostConvert(0, PAGE, true))
        .as("a host of pKVM's has no call that converts")
        .isNegative();
    guest.vcpu(0).convertToShared(0, PAGE);
    guest.vcpu(0).convertToPrivate(0, PAGE);
  }
}
