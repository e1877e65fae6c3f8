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
        "277<CPU 0/KVM>      0.000059 [   3] [00007ffff7e85ad7] close(3)   = 0",
        "277 [0x3] [????????????????] close(3)   = 0",
        "277 1732807773 close(3)   = 0",
        "277 [system_u:system_r:svirt_t:s0:c1,c2] 12:00:01 close(3)   = 0",
        "2026-11-28T12:00:01.5Z [pid 277] close(3)   = 0",
        "277 \u001b[1;34mclose\u001b[0m(3)   = 0",
        "\ufeff277 close(3)   = 0",
        "277 close(3)   = 0\r",
      })
  void aCallIsFoundBehindAnyPrefix(String line) {
    int pid = line.contains("277") ? 277 : 0;
    assertThat(StraceLine.of(line)).isEqualTo(new StraceLine.Call(pid, "close(3)   = 0"));
  }

  @Test
  void aCallCutInTwoIsTwoLines() {
    assertThat(StraceLine.of("169   ioctl(6<anon_inode:kvm-vcpu:0>, KVM_RUN <unfinished ...>"))
        .isEqualTo(new StraceLine.Unfinished(169, "ioctl(6<anon_inode:kvm-vcpu:0>, KVM_RUN"));
    assertThat(StraceLine.of("[pid 169] <... ioctl resumed>, 0)           = 0 (KVM_EXIT_IO)"))
        .isEqualTo(new StraceLine.Resumed(169, "ioctl", ", 0)           = 0 (KVM_EXIT_IO)"));
    assertThat(StraceLine.of("9 exit_group(0 <unfinished ...>) = ?"))
        .isEqualTo(new StraceLine.Unfinished(9, "exit_group(0"));
    assertThat(StraceLine.of("9 ioctl(6, KVM_RUN <unfinished ...>)            = ?"))
        .isEqualTo(new StraceLine.Unfinished(9, "ioctl(6, KVM_RUN"));
    assertThat(StraceLine.of("[pid 9] ioctl(6, KVM_RUN <detached ...>"))
        .isEqualTo(new StraceLine.Unfinished(9, "ioctl(6, KVM_RUN"));
    assertThat(StraceLine.of("9 <... ioctl resumed> <unfinished ...>) = ?"))
        .isEqualTo(new StraceLine.Resumed(9, "ioctl", ") = ?"));
  }

  @Test
  void aVcpusSharedPageIsALineOfItsOwn() {
    assertThat(StraceLine.of(" VCPU:3> {exit_reason=KVM_EXIT_MMIO}"))
        .isEqualTo(new StraceLine.VcpuState(0, 3, true, "{exit_reason=KVM_EXIT_MMIO}"));
    assertThat(StraceLine.of(" VCPU:0< {immediate_exit=0}"))
        .isEqualTo(new StraceLine.VcpuState(0, 0, false, "{immediate_exit=0}"));
    assertThat(StraceLine.of(" VCPU> {immediate_exit=0}"))
        .isEqualTo(new StraceLine.VcpuState(0, -1, true, "{immediate_exit=0}"));
  }

  @Test
  void aLineThatStraceItselfTearsOnATerminal() {
    assertThat(StraceLine.of("clone(flags=SIGCHLDstrace: Process 12 attached"))
        .isEqualTo(new StraceLine.Torn(0, "clone(flags=SIGCHLD"));
    assertThat(StraceLine.of("[pid 3] vfork(/usr/bin/strace: Process 12 attached"))
        .isEqualTo(new StraceLine.Torn(3, "vfork("));
    assertThat(StraceLine.of(" <unfinished ...>"))
        .isEqualTo(new StraceLine.Rest(0, "<unfinished ...>"));
    assertThat(StraceLine.of(")                       = 4"))
        .isEqualTo(new StraceLine.Rest(0, ")                       = 4"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "154   +++ exited with 0 +++",
        "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=44} ---",
        "[pid 44] +++ killed by SIGKILL +++",
        "strace: Process 44 attached",
        " > /usr/lib/libc.so.6(ioctl+0x3d) [0x11]",
        "/usr/bin/strace: Process 44 attached with 3 threads",
        "[pid 44] [  16] [00007ffff7e85ad7] +++ exited with 0 +++",
        "[ Process PID=44 runs in 32 bit mode. ]",
        " | 00000  2f 64 65 76  /dev |",
        "% time     seconds  usecs/call     calls    errors syscall",
        "------ ----------- ----------- --------- --------- ----------------",
        " 49.35    0.000912          41        22         5 ioctl",
        " 16.83    0.000311         311         1           futex",
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
