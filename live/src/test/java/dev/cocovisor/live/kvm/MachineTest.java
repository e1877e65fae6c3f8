package dev.cocovisor.live.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.live.agent.AgentArch;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogReader;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class MachineTest {
  static Machine machine(MmuKind mmu) {
    Map<Integer, Long> answers =
        Map.of(
            Capability.KVM_CAP_NR_VCPUS.number(),
            2L,
            Capability.KVM_CAP_MAX_VCPUS.number(),
            1024L,
            Capability.KVM_CAP_MAX_VCPU_ID.number(),
            4096L,
            Capability.KVM_CAP_VM_TYPES.number(),
            1L,
            300,
            5L);
    return new Machine(
        "7.3.4-test",
        AgentArch.X86_64,
        "GenuineIntel",
        Set.of("la57"),
        mmu,
        answers,
        answers,
        12288,
        "always",
        false,
        false,
        3);
  }

  @Test
  void whyThereIsNoKvmIsSaidAndHowToMendIt() {
    assertThat(Machine.refused(2))
        .hasMessageContaining("no /dev/kvm")
        .hasMessageContaining("modprobe");
    assertThat(Machine.refused(13))
        .hasMessageContaining("may not be opened")
        .hasMessageContaining("usermod -aG kvm");
    assertThat(Machine.refused(19)).hasMessageContaining("no KVM behind it");
    assertThat(Machine.refused(24)).hasMessageContaining("EMFILE");
    assertThatExceptionOfType(NoKvmException.class)
        .isThrownBy(() -> Machine.ask("/dev/kvm-that-is-not-there"))
        .withMessageContaining("/dev/kvm");
  }

  @Test
  void aProfileIsALogsHostConfigAndTheModelTakesIt() throws IOException {
    Machine m = machine(MmuKind.SHADOW);
    String log =
        HostProfile.text(m)
            + """
            openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
            ioctl(3, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS) = 2
            ioctl(3, KVM_CHECK_EXTENSION, KVM_CAP_PRE_FAULT_MEMORY) = 0
            ioctl(3, KVM_CHECK_EXTENSION, KVM_CAP_SIGNAL_MSI) = 0
            ioctl(3, KVM_CHECK_EXTENSION, 300) = 5
            ioctl(3, KVM_CREATE_VM, KVM_X86_SW_PROTECTED_VM) = -1 EINVAL
            """;
    var differences = new ArrayList<Object>();
    var summary =
        new KvmLogReplayer(Technologies.of(List.of()))
            .replay(LogSource.text("a", log), new ReplayOptions(-1, 0), differences::add);
    assertThat(differences).isEmpty();
    assertThat(summary.calls()).isEqualTo(7);
  }

  @Test
  void theModelsOwnAnswersAreNotRepeated() {
    String line = LogWriter.line(HostProfile.line(machine(MmuKind.TDP)));
    assertThat(line).contains("core.address-bits=57").contains("300=5").doesNotContain("NR_VCPUS");
    LogCall read = (LogCall) LogReader.parse("a", 1, line);
    assertThat(((Value.Struct) read.args().getFirst()).get("tdp_mmu")).isEqualTo(Value.Num.of(1));
  }

  @Test
  void typesThatTheKernelDoesNotOfferAreKnown() {
    Machine m = machine(MmuKind.TDP);
    assertThat(m.offers(0)).isTrue();
    assertThat(m.offers(1)).isFalse();
    assertThat(m.offers(99)).isFalse();
    assertThat(m.version()).isEqualTo("7.3");
    assertThat(m.describe()).contains("7.3.4-test").contains("TDP MMU").contains("VM_TYPES=1");
  }
}
