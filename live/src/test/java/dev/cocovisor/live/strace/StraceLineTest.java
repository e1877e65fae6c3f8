package dev.cocovisor.live.strace;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StraceLineTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "close(3)   = 0",
        "277   close(3)   = 0",
        "277<qemu-system-x86> close(3)   = 0",
        "[pid   277] close(3)   = 0",
        "[pid 277<qemu>] 12:00:01 close(3)   = 0",
        "277 12:00:01.123456 close(3)   = 0",
        "277   1732807773.123456 close(3)   = 0",
        "277        0.000123 close(3)   = 0",
        "277 12:00:01 (+     0.000045) close(3)   = 0",
      })
  void aCallIsFoundBehindAnyPrefix(String line) {
    int pid = line.contains("277") ? 277 : 0;
    assertThat(StraceLine.of(line)).isEqualTo(new StraceLine.Call(pid, "close(3)   = 0"));
  }

  @Test
  void aCallCutInTwoIsTwoLines() {
    assertThat(StraceLine.of("169   ioctl(6<anon_inode:kvm-vcpu:0>, KVM_RUN <unfinished ...>"))
        .isEqualTo(new StraceLine.Unfinished(169, "ioctl(6<anon_inode:kvm-vcpu:0>, KVM_RUN "));
    assertThat(StraceLine.of("[pid 169] <... ioctl resumed>, 0)           = 0 (KVM_EXIT_IO)"))
        .isEqualTo(new StraceLine.Resumed(169, "ioctl", ", 0)           = 0 (KVM_EXIT_IO)"));
    assertThat(StraceLine.of("9 exit_group(0 <unfinished ...>) = ?"))
        .isEqualTo(new StraceLine.Unfinished(9, "exit_group(0 "));
  }

  @Test
  void aVcpusSharedPageIsALineOfItsOwn() {
    assertThat(StraceLine.of(" VCPU:3< {exit_reason=KVM_EXIT_MMIO}"))
        .isEqualTo(new StraceLine.VcpuState(0, 3, true, "{exit_reason=KVM_EXIT_MMIO}"));
    assertThat(StraceLine.of(" VCPU:0> {immediate_exit=0}"))
        .isEqualTo(new StraceLine.VcpuState(0, 0, false, "{immediate_exit=0}"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "154   +++ exited with 0 +++",
        "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=44} ---",
        "[pid 44] +++ killed by SIGKILL +++",
        "strace: Process 44 attached",
        " > /usr/lib/libc.so.6(ioctl+0x3d) [0x11]",
        "",
      })
  void signalsEndsAndWordsOfStraceAreRemarks(String line) {
    assertThat(StraceLine.of(line)).isInstanceOf(StraceLine.Remark.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"hello world", "44", "{slot=0}", "= 0", "<... resumed>"})
  void whatStraceNeverPrintsIsForeign(String line) {
    assertThat(StraceLine.of(line)).isInstanceOf(StraceLine.Foreign.class);
  }
}
