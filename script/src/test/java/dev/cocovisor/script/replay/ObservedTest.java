package dev.cocovisor.script.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Programs that were watched from outside. */
class ObservedTest {
  private static final String BEGIN =
      """
      host_config({recorder="strace"}) = 0
      openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
      ioctl(3, KVM_CREATE_VM, KVM_X86_SW_PROTECTED_VM) = 4
      ioctl(4, KVM_CREATE_VCPU, 0) = 5
      mmap(NULL, 0x4000, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000
      ioctl(4, KVM_SET_USER_MEMORY_REGION, {slot=0, flags=KVM_MEM_READONLY, guest_phys_addr=0x1000, \
      memory_size=0x1000, userspace_addr=0x7f0000000000}) = 0
      """;

  private final List<Mismatch> found = new ArrayList<>();
  private ReplaySummary summary = ReplaySummary.NONE;

  private void replay(String... lines) throws IOException {
    found.clear();
    summary =
        new KvmLogReplayer(Technologies.builtIn())
            .passingOver(_ -> {})
            .replay(
                LogSource.text("vmm", BEGIN + String.join("\n", lines)),
                ReplayOptions.ALL,
                found::add);
  }

  private long note(String name) {
    return summary.notes().getOrDefault(name, 0L);
  }

  @Test
  void whatIsTheMachinesIsCountedAndLeftOut() throws IOException {
    replay(
        "ioctl(3, KVM_GET_API_VERSION, 0) = 12",
        "ioctl(4, KVM_IRQ_LINE_STATUS, 0x7ffe2ece6a60) = 0",
        "ioctl(4, KVM_IRQ_LINE_STATUS, 0x7ffe2ece6a60) = 0",
        "ioctl(5, KVM_SET_MSRS, 0x7f97a8002010) = 109",
        "ioctl(3, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS) = 77",
        "ioctl(4, _IOC(_IOC_READ, 0xae, 0xff, 0x10), 0x7ffe) = 3");
    assertThat(found).isEmpty();
    assertThat(note("compared")).isEqualTo(6);
    assertThat(note("skipped")).isEqualTo(5);
    assertThat(note("skipped: KVM_IRQ_LINE_STATUS")).isEqualTo(2);
    assertThat(note("skipped: 0x8010aeff: unknown to the model")).isEqualTo(1);
  }

  @Test
  void aWrongAnswerOfACallOnMemoryIsADifference() throws IOException {
    replay(
        "ioctl(3, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS) = 7",
        "ioctl(4, KVM_SET_USER_MEMORY_REGION, {slot=1, flags=0, guest_phys_addr=0x1000,"
            + " memory_size=0x1000, userspace_addr=0x7f0000001000}) = 0",
        "ioctl(3, KVM_GET_API_VERSION, 0) = 13");
    assertThat(found).extracting(Mismatch::got).containsExactly("32764", "-1 EEXIST", "12");
  }

  @Test
  void anExitAtAnAddressIsAnAccessThere() throws IOException {
    replay(
        "ioctl(5, KVM_RUN, 0) = 0 (KVM_EXIT_MMIO, phys_addr=0xfed00000, len=4, is_write=1)",
        "ioctl(5, KVM_RUN, 0) = 0 (KVM_EXIT_MMIO, phys_addr=0x1800, len=2, is_write=1)",
        "ioctl(5, KVM_RUN, 0) = 0 (KVM_EXIT_IO)",
        "ioctl(5, KVM_RUN, 0) = -1 EINTR");
    assertThat(found).isEmpty();
    assertThat(note("compared")).isEqualTo(7);
    assertThat(note("skipped: KVM_RUN: KVM_EXIT_IO")).isEqualTo(1);
    assertThat(note("skipped: KVM_RUN: ended by a signal")).isEqualTo(1);
    // A read of the read-only slot is no exit.
    replay("ioctl(5, KVM_RUN, 0) = 0 (KVM_EXIT_MMIO, phys_addr=0x1800, len=2, is_write=0)");
    assertThat(found).extracting(Mismatch::got).containsExactly("0 (KVM_EXIT_HLT, value=0)");
  }

  @Test
  void aFaultOnPrivateMemoryIsOneOnTheModelToo() throws IOException {
    replay(
        "ioctl(4, KVM_SET_MEMORY_ATTRIBUTES, {address=0x1000, size=0x1000,"
            + " attributes=KVM_MEMORY_ATTRIBUTE_PRIVATE, flags=0}) = 0",
        "ioctl(5, KVM_RUN, 0) = -1 EFAULT (KVM_EXIT_MEMORY_FAULT, flags=0x8, gpa=0x1000,"
            + " size=0x1000)");
    assertThat(found).isEmpty();
    replay(
        "ioctl(5, KVM_RUN, 0) = -1 EFAULT (KVM_EXIT_MEMORY_FAULT, flags=0x8, gpa=0x1000,"
            + " size=0x1000)");
    assertThat(found).hasSize(1);
  }

  @Test
  void aHypercallsAnswerComesWithTheNextRun() throws IOException {
    replay(
        "ioctl(4, KVM_ENABLE_CAP, {cap=KVM_CAP_EXIT_HYPERCALL, flags=0, args[0]=0x1000}) = 0",
        "ioctl(5, KVM_RUN, 0) = 0 (KVM_EXIT_HYPERCALL, nr=12, args={0x1000, 1, 0x10}, flags=0x1)",
        "ioctl(5, KVM_RUN, 0) = 0 (KVM_EXIT_MMIO, phys_addr=0xfed00000, len=4, is_write=1)");
    assertThat(found).isEmpty();
    assertThat(note("compared")).isEqualTo(8);
  }

  @Test
  void afterASlotThatWasNotSeenNothingIsExpectedOfAccesses() throws IOException {
    replay(
        "ioctl(4, KVM_SET_USER_MEMORY_REGION2, 0x1a7e99f0) = 0",
        "ioctl(5, KVM_RUN, 0) = 0 (KVM_EXIT_MMIO, phys_addr=0x1800, len=2, is_write=0)",
        "guest_read(5, {gpa=0x9000}) = 0");
    assertThat(found).isEmpty();
    assertThat(note("skipped: KVM_SET_USER_MEMORY_REGION2: its arguments were not seen"))
        .isEqualTo(1);
    assertThat(note("skipped: guest accesses in a VM whose memory was not all seen")).isEqualTo(2);
  }

  @Test
  void aDescriptorFromBeforeTheLogIsLeftAlone() throws IOException {
    replay("ioctl(9, KVM_CREATE_VCPU, 0) = 10", "ioctl(9, KVM_CREATE_VCPU, 1) = -1 EBADF");
    assertThat(found).isEmpty();
    assertThat(note("skipped")).isEqualTo(1);
  }

  @Test
  void strictRefusesWhatWouldBeLeftOut() {
    assertThatThrownBy(() ->
            new KvmLogReplayer(Technologies.builtIn())
                .replay(
                    LogSource.text("vmm", BEGIN + "ioctl(4, KVM_IRQ_LINE_STATUS, 0x7ffe) = 0"),
                    ReplayOptions.ALL,
                    found::add))
        .isInstanceOf(LogSyntaxException.class)
        .hasMessage(
            "vmm:7:1: KVM_IRQ_LINE_STATUS: --strict refuses what is not compared; without it such"
                + " calls are counted");
  }
}
