package dev.cocovisor.host.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.KvmException;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.script.call.CallRecorder;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.vmm.Technologies;
import dev.cocovisor.vmm.checked.GuestStopped;
import dev.cocovisor.vmm.checked.GuestVm;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Guests of every technology, driven by the same program; what was recorded of it replays. */
class RecordedGuestTest {
  private static final long AT = 0x100000;

  private static HypervisorModel model(String technology) {
    HypervisorModel.Builder b = HypervisorModel.builder();
    boolean builtIn = technology.equals("default") || technology.equals("sw-protected");
    return builtIn ? b.build() : b.backends(BackendRegistry.classPathOnly(), technology).build();
  }

  private static List<Mismatch> replay(String log) throws IOException {
    List<Mismatch> mismatches = new ArrayList<>();
    ReplaySummary summary =
        new KvmLogReplayer(Technologies.of(ServiceLoader.load(Backend.class)))
            .replay(
                LogSource.text("recorded.kvmlog", log),
                ReplayOptions.ALL,
                m -> {
                  mismatches.add(m);
                });
    assertThat(summary.calls()).isEqualTo(log.lines().count());
    return mismatches;
  }

  @ParameterizedTest
  @ValueSource(strings = {"tdx", "sev-snp", "pkvm", "cca", "sw-protected", "default"})
  void aGuestsLifeIsRecordedAndReplaysWithoutADifference(String technology) throws IOException {
    HypervisorModel model = model(technology);
    KvmProcess process = model.newProcess();
    CallRecorder recorder = new CallRecorder(process);
    try (GuestVm guest = model.guest(technology, process, recorder).vcpus(2).launch()) {
      guest.populate(0, 0x2000, 0x5a).finish();
      int found = technology.equals("sw-protected") ? 0 : 0x5a;
      assertThat(guest.vcpu(0).read(0x1000)).isEqualTo(found);
      int other = 1;
      guest.vcpu(other).accept(AT, 0x2000);
      guest.vcpu(other).write(AT, 0x77);
      assertThat(guest.vcpu(0).read(AT)).isEqualTo(0x77);
      guest.vcpu(0).convertToShared(AT, 0x1000);
      guest.vcpu(other).writeShared(AT, 0x12);
      assertThat(guest.vcpu(0).readShared(AT)).isEqualTo(0x12);
      assertThat(guest.hostRead(AT)).isEqualTo(0x12);
      assertThat(guest.hostWrite(AT, 0x13)).isZero();
      assertThat(guest.vcpu(other).readShared(AT)).isEqualTo(0x13);
      if (technology.equals("default")) {
        assertThatThrownBy(() -> guest.vcpu(0).convertToPrivate(AT, 0x1000))
            .hasMessage("the host's part of a conversion: EOPNOTSUPP");
      } else {
        guest.vcpu(0).convertToPrivate(AT, 0x1000);
        guest.vcpu(0).write(AT, 0x21);
        assertThat(guest.vcpu(other).read(AT)).isEqualTo(0x21);
      }
      assertThat(model.violations()).isEmpty();
    }
    assertThat(model.violations()).isEmpty();
    assertThat(model.kvm().vms()).isEmpty();
    assertThat(replay(recorder.text())).isEmpty();
  }

  @Test
  void guestsOfTwoTechnologiesAreRecordedInOneLog() throws IOException {
    HypervisorModel model =
        HypervisorModel.builder()
            .backends(BackendRegistry.classPathOnly(), "tdx", "sev-snp")
            .setting("core.gmem-order", "9")
            .setting("tdx.page-size-policy", "rfc-v1")
            .build();
    KvmProcess process = model.newProcess();
    CallRecorder recorder = new CallRecorder(process);
    try (GuestVm td = model.guest("tdx", process, recorder).boot();
        GuestVm snp = model.guest("sev-snp", process, recorder).boot()) {
      td.vcpu(0).accept(AT, 0x1000);
      snp.vcpu(0).accept(AT, 0x1000);
      td.vcpu(0).write(AT, 1);
      snp.vcpu(0).write(AT, 2);
      assertThat(td.vcpu(0).read(AT)).isEqualTo(1);
      assertThat(snp.vcpu(0).read(AT)).isEqualTo(2);
      assertThat(snp.prefault(0, 0x3000)).isZero();
    }
    assertThat(recorder.text())
        .startsWith(
            "host_config({memory=0x10000000000, arch=x86_64, backend=[\"tdx\", \"sev-snp\"]")
        .contains("core.gmem-order=9, tdx.page-size-policy=\"rfc-v1\"}) = 0\n")
        .contains("ioctl(3, KVM_CREATE_VM, KVM_X86_TDX_VM)");
    assertThat(replay(recorder.text())).isEmpty();
  }

  @Test
  void aRecordingOfAnotherHostDoesNotReplay() throws IOException {
    HypervisorModel model = model("sw-protected");
    KvmProcess process = model.newProcess();
    CallRecorder recorder = new CallRecorder(process);
    try (GuestVm guest = model.guest("sw-protected", process, recorder).boot()) {
      guest.vcpu(0).write(AT, 1);
      assertThat(guest.vcpu(0).read(AT)).isEqualTo(1);
    }
    String changed = recorder.text().replace("KVM_EXIT_HLT, value=1", "KVM_EXIT_HLT, value=2");
    assertThat(replay(changed))
        .singleElement()
        .satisfies(m -> assertThat(m.toString()).contains("guest_read"));
  }

  @Test
  void whatDoesNotCompleteThrowsWithTheExitThatEndedIt() {
    HypervisorModel model = model("sw-protected");
    try (GuestVm guest = model.guest("sw-protected").memory("1M").boot()) {
      assertThatThrownBy(() -> guest.vcpu(0).read(0x200000))
          .isInstanceOf(GuestStopped.class)
          .hasMessageContaining("vCPU 0: Read[gpa=2097152")
          .hasMessageContaining("did not complete: stopped by KVM_EXIT_MMIO")
          .satisfies(
              e -> assertThat(((GuestStopped) e).run().exit()).isInstanceOf(Exit.Mmio.class));
      assertThat(guest.vcpu(0).tryWrite(0x200000, 1).run().exit()).isInstanceOf(Exit.Mmio.class);
      assertThatThrownBy(() -> guest.punch(0x1, 0x1000))
          .isInstanceOf(KvmException.class)
          .hasMessage("punching a hole: EINVAL")
          .satisfies(e -> assertThat(((KvmException) e).errno()).isEqualTo(Errno.EINVAL));
      assertThat(guest.hostRead(0x200000)).isEqualTo(-Errno.EFAULT.number());
      assertThatThrownBy(() -> guest.userAddress(0x200000))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("no RAM at 0x200000");
    }
  }
}
