package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** KVM's own hypercalls. Source: {@code arch/x86/kvm/x86.c}, ____kvm_emulate_hypercall. */
class HypercallsTest {
  private static final long ENOSYS = -1000;
  private static final long EINVAL = -22;

  private final Kvm kvm = new Kvm(HostConfig.DEFAULT, List.of());
  private final KvmProcess p = new KvmProcess(kvm);
  private final int vm = (int) p.createVm((int) p.openDevKvm(), 1);
  private final int vcpu = (int) p.createVcpu(vm, 0);

  private Exit made(long nr, long... args) {
    return p.guestRun(vcpu, new GuestAction.Hypercall(nr, args, GuestAction.NO_CODE)).exit();
  }

  private void exitsAreEnabled() {
    assertThat(p.enableCap(vm, 201, 0, 1 << 12)).isZero();
  }

  @ParameterizedTest
  @CsvSource({
    "0, -1000",
    "1, 0",
    "2, -1000",
    "5, 0",
    "9, -1000",
    "10, -1000",
    "11, 0",
    "12, -1000"
  })
  void hintsSucceedAndWhatIsNotThereIsEnosys(long nr, long answer) {
    assertThat(made(nr, 0, 0, 0)).isEqualTo(new Exit.Hlt(answer));
  }

  @ParameterizedTest
  @CsvSource({"0x1001, 1", "0x1fff, 1", "0x1000, 0", "0, 0"})
  void aRangeThatIsNotWholePagesIsEinval(String gpa, long pages) {
    exitsAreEnabled();
    assertThat(made(12, Long.decode(gpa), pages, 0)).isEqualTo(new Exit.Hlt(EINVAL));
  }

  @Test
  void aRangeGoesToUserspaceWithThirtyTwoBitsOfEachOperand() {
    exitsAreEnabled();
    assertThat(made(12, 0x7_0000_2000L, 0x9_0000_0003L, 0x5_0000_0010L))
        .isInstanceOfSatisfying(
            Exit.Hypercall.class,
            e -> {
              assertThat(e.nr()).isEqualTo(12);
              assertThat(e.args()).containsExactly(0x2000, 3, 0x10);
            });
  }

  @Test
  void anOperandThatIsMissingIsZero() {
    exitsAreEnabled();
    assertThat(made(12)).isEqualTo(new Exit.Hlt(EINVAL));
    assertThat(made(12, 0x1000, 1))
        .isInstanceOfSatisfying(
            Exit.Hypercall.class, e -> assertThat(e.args()).containsExactly(0x1000, 1, 0));
  }

  @Test
  void theAnswerOfUserspaceIsSeenInThirtyTwoBitsAndOnce() {
    exitsAreEnabled();
    assertThatThrownBy(() -> p.guestRun(vcpu, new GuestAction.Resume(0)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no hypercall waits");
    var _ = made(12, 0x1000, 1, 0);
    assertThat(p.guestRun(vcpu, new GuestAction.Resume(0x1_0000_0005L)).exit())
        .isEqualTo(new Exit.Hlt(5));
    assertThatThrownBy(() -> p.guestRun(vcpu, new GuestAction.Resume(0)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void onAnotherArchitectureThereAreNone() {
    Kvm arm = new Kvm(HostConfig.DEFAULT.withArchitecture(Architecture.ARM64), List.of());
    KvmProcess q = new KvmProcess(arm);
    int cpu = (int) q.createVcpu((int) q.createVm((int) q.openDevKvm(), 0), 0);
    for (long nr : new long[] {1, 5, 11, 12}) {
      assertThat(
              q.guestRun(cpu, new GuestAction.Hypercall(nr, new long[3], GuestAction.NO_CODE))
                  .exit())
          .isEqualTo(new Exit.Done(ENOSYS));
    }
  }
}
