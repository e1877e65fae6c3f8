package dev.cocovisor.script.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Page counters where a log prints none: they may not have moved at any call, but for a hypercall
 * whose answer is still to come; what moved there is told, or missed, at its guest_resume.
 */
class SilentCountersTest {
  private static final String STATS = "kvm_stats(4) = {pages_4k=%d, pages_2m=0, pages_1g=0}";
  private static final String HYPERCALL =
      "guest_hypercall(5, {code=0x1000, nr=KVM_HC_MAP_GPA_RANGE, gpa=0x8000, npages=1,"
          + " attributes=0}) = 0 (KVM_EXIT_HYPERCALL, nr=12, args={0x8000, 0x1, 0}, flags=0)";
  private static final String CONVERT =
      "ioctl(4, KVM_SET_MEMORY_ATTRIBUTES, {address=0x8000, size=0x1000, attributes=0x8, flags=0})"
          + " = 0";
  private static final String RESUME = "guest_resume(5, {ret=0}) = 0 (KVM_EXIT_HLT, rax=0)";
  private static final String READ =
      "guest_read(5, {code=0x1000, gpa=0x9000}) = 0 (KVM_EXIT_HLT, value=0)";

  private static List<Mismatch> replay(String... calls) throws IOException {
    var program =
        new ArrayList<>(
            List.of(
                "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3",
                "ioctl(3, KVM_CREATE_VM, KVM_X86_SW_PROTECTED_VM) = 4",
                STATS.formatted(0),
                "ioctl(4, KVM_CREATE_VCPU, 0) = 5",
                "mmap(0x7f4000000000, 0x10000, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS,"
                    + " -1, 0) = 0x7f4000000000",
                "madvise(0x7f4000000000, 0x10000, MADV_NOHUGEPAGE) = 0",
                "ioctl(4, KVM_SET_USER_MEMORY_REGION, {slot=1, flags=0, guest_phys_addr=0,"
                    + " memory_size=0x10000, userspace_addr=0x7f4000000000}) = 0",
                "host_install_stub(0x7f4000001000) = 0",
                "ioctl(4, KVM_ENABLE_CAP, {cap=KVM_CAP_EXIT_HYPERCALL, args[0]=0x1000}) = 0"));
    program.addAll(List.of(calls));
    var found = new ArrayList<Mismatch>();
    var _ =
        new KvmLogReplayer(Technologies.builtIn())
            .replay(
                LogSource.text("log", String.join("\n", program)), ReplayOptions.ALL, found::add);
    return found;
  }

  private static void missed(List<Mismatch> found, String call, int pages) {
    assertThat(found).hasSize(1);
    assertThat(found.getFirst().call()).startsWith(call);
    assertThat(found.getFirst().got()).isEqualTo(STATS.formatted(pages));
  }

  @Test
  void whatAHypercallMovesIsPrintedOnceItsAnswerWasGiven() throws IOException {
    assertThat(replay(HYPERCALL, RESUME, STATS.formatted(1), READ, STATS.formatted(2))).isEmpty();
    assertThat(replay(HYPERCALL, CONVERT, RESUME, STATS.formatted(1))).isEmpty();
  }

  @Test
  void whatNobodyPrintsIsMissedAtTheResumeAndNotBefore() throws IOException {
    missed(replay(HYPERCALL, RESUME), "guest_resume", 1);
    missed(replay(HYPERCALL, RESUME, READ, STATS.formatted(2)), "guest_resume", 1);
  }

  @Test
  void atAnyOtherCallItIsMissedThere() throws IOException {
    missed(replay(READ), "guest_read", 2);
    missed(replay(READ, HYPERCALL, RESUME), "guest_read", 2);
  }
}
