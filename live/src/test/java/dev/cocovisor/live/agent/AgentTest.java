package dev.cocovisor.live.agent;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.cocovisor.live.sys.Libc;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class AgentTest {
  private static final long AT = 0x7f10_0000_0000L;
  private Agent agent;

  @BeforeEach
  void start() {
    assumeTrue(
        Libc.isLinux() && AgentArch.ofThisMachine() != null,
        "agents run on Linux, x86-64 or arm64");
    agent = Agent.start(20_000);
  }

  @AfterEach
  void end() {
    if (agent != null) {
      agent.close();
    }
  }

  private long map(long at, long len, int prot) {
    // MAP_PRIVATE|MAP_FIXED_NOREPLACE|MAP_ANONYMOUS
    return agent.call(Syscall.MMAP, at, len, prot, 0x100022, -1, 0);
  }

  @Test
  void itsAddressSpaceHoldsItsCodeSharedMemoryAndTheKernelsData() {
    assertThat(agent.mapped().stream().map(Agent.Mapped::name).filter(n -> !n.equals("[vsyscall]")))
        .hasSizeBetween(2, 3)
        .anyMatch(n -> n.contains("cocovisor-memory"))
        .anyMatch(n -> n.contains("cocovisor-agent"));
  }

  @Test
  void aSystemCallAnswersAsTheKernelDoes() {
    assertThat(map(AT, 0x2000, 3)).isEqualTo(AT);
    assertThat(map(AT, 0x2000, 3)).isEqualTo(-17); // EEXIST
    assertThat(agent.call(Syscall.CLOSE, 77)).isEqualTo(-9); // EBADF
  }

  @Test
  void anAccessIsABlankByteOrASignal() {
    var _ = map(AT, 0x1000, 3);
    assertThat(agent.load(AT)).isZero();
    assertThat(agent.store(AT + 5, 0xa5)).isZero();
    assertThat(agent.load(AT + 5)).isEqualTo(0xa5);
    assertThat(agent.load(AT + 0x1000)).isEqualTo(Agent.SIGSEGV);
    var _ = map(AT + 0x2000, 0x1000, 1);
    assertThat(agent.load(AT + 0x2000)).isZero();
    assertThat(agent.store(AT + 0x2000, 1)).isEqualTo(Agent.SIGSEGV);
    assertThat(agent.load(AT + 5)).isEqualTo(0xa5);
  }

  @Test
  void behindTheEndOfAFileIsABusError() {
    long name = agent.scratchAddress();
    agent.scratch().set(JAVA_LONG, 0, 'x');
    long fd = agent.call(Syscall.MEMFD_CREATE, name, 0);
    assertThat(fd).isGreaterThan(3);
    var _ = agent.call(Syscall.FTRUNCATE, fd, 0x1000);
    assertThat(agent.call(Syscall.MMAP, AT, 0x2000, 3, 1, fd, 0)).isEqualTo(AT);
    assertThat(agent.store(AT, 1)).isZero();
    assertThat(agent.load(AT + 0x1000)).isEqualTo(Agent.SIGBUS);
  }

  @Test
  void aChildSeesWhatItsParentHad() {
    var _ = map(AT, 0x1000, 3);
    var _ = agent.store(AT, 42);
    assertThat(agent.childLoads(AT)).isEqualTo(42 << 8);
    assertThat(agent.childLoads(AT + 0x1000)).isEqualTo(201 << 8);
    assertThat(agent.load(AT)).isEqualTo(42);
  }

  @Test
  void aCallThatNeverReturnsIsEndedByATimer() {
    try (Agent patient = Agent.start(300)) {
      long fd = patient.scratchAddress();
      var _ = patient.call(Syscall.PIPE2, fd, 0);
      int end = patient.scratch().get(java.lang.foreign.ValueLayout.JAVA_INT, 0);
      assertThatThrownBy(() -> patient.call(Syscall.READ, end, Agent.SHARED + 0x20000, 1))
          .isInstanceOf(AgentException.class)
          .hasMessageContaining("READ did not return within 0.3 s");
    }
  }

  @Test
  void itEndsByItselfWhenItsTimeIsOver() {
    agent.endsAfter(1);
    var _ = agent.call(Syscall.PIPE2, agent.scratchAddress(), 0);
    int end = agent.scratch().get(java.lang.foreign.ValueLayout.JAVA_INT, 0);
    assertThatThrownBy(() -> agent.call(Syscall.READ, end, Agent.SHARED + 0x20000, 1))
        .isInstanceOf(AgentException.class)
        .hasMessageContaining("died in READ");
  }
}
