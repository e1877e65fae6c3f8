package dev.cocovisor.script.call;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.script.text.LogResult;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What an ioctl can answer: 0 and more, or an error's number, negative; nothing below. */
class CallRunnerTest {
  /** Sizes and addresses at the ends of what 64 bits hold. */
  private static final long[] ENDS = {
    0,
    1,
    4095,
    4096,
    1L << 32,
    1L << 47,
    1L << 52,
    1L << 62,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    Long.MIN_VALUE + 4096,
    -(1L << 40),
    -(1L << 21),
    -8192,
    -4096,
    -4095,
    -1
  };

  @ParameterizedTest
  @ValueSource(longs = {-4096, -(1L << 31), -(1L << 32), Long.MIN_VALUE})
  void whatIsBelowAnyErrorIsNoAnswer(long ret) {
    assertThatThrownBy(() -> CallRunner.ioctl(ret))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining(Long.toString(ret));
  }

  @Test
  void errorsAndNumbersAre() {
    assertThat(CallRunner.ioctl(-22).result()).isEqualTo(LogResult.failed("EINVAL"));
    assertThat(CallRunner.ioctl(0).result().isError()).isFalse();
    assertThat(CallRunner.ioctl(1L << 32).result().isError()).isFalse();
  }

  /** Each call of the log's own by arguments at their ends: the runner takes every answer. */
  @Test
  void noIoctlOfTheCoreAnswersAnythingElseWhateverItsArguments() {
    try (var process = new KvmProcess(new Kvm(HostConfig.DEFAULT, List.of()))) {
      var fds = new LogDescriptors();
      var runner = new CallRunner(process, fds, Words.of(List.of()));
      int calls = 0;
      for (long type : new long[] {0, 1}) {
        long dev = opened(runner, new KvmCall.Open("/dev/kvm", false));
        long vm = opened(runner, new KvmCall.CreateVm(dev, type));
        long vcpu = opened(runner, new KvmCall.CreateVcpu(vm, 0));
        long file = opened(runner, new KvmCall.CreateGuestMemfd(vm, 1 << 20, 0));
        for (long a : ENDS) {
          for (long b : ENDS) {
            for (KvmCall c :
                List.of(
                    new KvmCall.PreFault(vcpu, false, a, b, 0),
                    new KvmCall.PreFault(vcpu, true, a, b, 0),
                    new KvmCall.SetAttributes(vm, a, b, 8, 0),
                    new KvmCall.SetRegion(vm, true, 1, 0, a, b, 0, 0, -1),
                    new KvmCall.SetRegion(vm, true, 1, 4, 0, a, 0, b, file),
                    new KvmCall.SetRegion(vm, false, a, 0, 0, b, a, 0, -1),
                    new KvmCall.GetDirtyLog(vm, a, b),
                    new KvmCall.ClearDirtyLog(vm, a, b, a, b, new long[0]),
                    new KvmCall.CreateGuestMemfd(vm, a, b),
                    new KvmCall.EnableCap(vm, a, 0, b),
                    new KvmCall.EnableCap(vm, b & 0xff, a & 1, a),
                    new KvmCall.CheckExtension(vm, a),
                    new KvmCall.SetNrMmuPages(vm, a),
                    new KvmCall.CreateVcpu(vm, a),
                    new KvmCall.CreateVm(dev, a))) {
              var _ = runner.run(c, null);
              calls++;
            }
          }
        }
      }
      assertThat(calls).isEqualTo(2 * ENDS.length * ENDS.length * 15);
    }
  }

  private static long opened(CallRunner runner, KvmCall call) {
    Long name = Symbols.number(runner.run(call, null).result().value());
    assertThat(name).isNotNull().isPositive();
    return name == null ? -1 : name;
  }
}
