package dev.cocovisor.live.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.live.agent.AgentArch;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** On this machine's own kernel; skipped where it has none. */
class LiveKvmTest {
  private static final String START =
      """
      # program 7
      openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
      mmap(NULL, 0x400000, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0) = 0x7f1000000000
      ioctl(3, KVM_CREATE_VM, KVM_X86_DEFAULT_VM) = 5
      ioctl(5, KVM_CREATE_VCPU, 0) = 7
      ioctl(5, KVM_SET_USER_MEMORY_REGION, {slot=0, flags=0x1, guest_phys_addr=0, memory_size=0x10000, userspace_addr=0x7f1000000000}) = 0
      host_install_stub(0x7f1000001000) = 0
      """;

  private static Machine machine = MachineTest.machine(MmuKind.TDP);
  private final Technologies technologies = Technologies.of(List.of());

  @BeforeAll
  static void ask() {
    try {
      machine = Machine.ask();
    } catch (NoKvmException e) {
      abort("needs /dev/kvm: " + e.getMessage());
    }
    if (machine.processor() != AgentArch.X86_64) {
      abort("these programs are an x86 guest's");
    }
  }

  private List<String> run(LiveOptions options, String log) throws IOException {
    var lines = new ArrayList<String>();
    var run = new LiveRun(machine, options, technologies);
    run.run(
        LogSource.text("a", log),
        -1,
        p -> {
          p.calls().forEach(c -> lines.add(LogWriter.line(c)));
          return true;
        });
    return lines;
  }

  @Test
  void aGuestReadsAndWritesWhatTheLogSays() throws IOException {
    List<String> lines =
        run(
            LiveOptions.DEFAULT,
            START
                + """
                host_write(0x7f1000003000, 77) = 0
                guest_read(7, {code=0x1000, gpa=0x3000})
                guest_write(7, {code=0x1000, gpa=0x3001, value=9})
                host_read(0x7f1000003001)
                guest_read(7, {code=0x1000, gpa=0x500000})
                ioctl(5, KVM_GET_DIRTY_LOG, {slot=0})
                host_read(0x7f2000000000)
                """);
    assertThat(lines.getFirst()).startsWith("host_config({");
    assertThat(lines)
        .contains(
            "guest_read(7, {code=0x1000, gpa=0x3000}) = 0 (KVM_EXIT_HLT, value=77)",
            "guest_write(7, {code=0x1000, gpa=0x3001, value=9}) = 0 (KVM_EXIT_HLT)",
            "host_read(0x7f1000003001) = 9",
            "guest_read(7, {code=0x1000, gpa=0x500000}) = 0 (KVM_EXIT_MMIO, phys_addr=0x500000,"
                + " len=1, is_write=0)",
            "ioctl(5, KVM_GET_DIRTY_LOG, {slot=0} => {dirty_bitmap=[0x8]}) = 0",
            "host_read(0x7f2000000000) = -1 SIGSEGV");
  }

  @Test
  void whatWasRecordedRunsToTheSameAnswersAgain() throws IOException {
    String log = START + "guest_write(7, {code=0x1000, gpa=0x3001, value=9})\nclose(7)\nclose(5)\n";
    List<String> once = run(LiveOptions.DEFAULT, log);
    String recorded = String.join("\n", once.subList(1, once.size()));
    assertThat(run(LiveOptions.DEFAULT, recorded)).isEqualTo(once);
  }

  @Test
  void theModelSetUpLikeThisMachineAnswersTheSame() throws IOException {
    var differences = new ArrayList<Mismatch>();
    var check = new LiveCheck("a", new KvmLogReplayer(technologies), differences::add);
    String log =
        START
            + """
            guest_read(7, {code=0x1000, gpa=0x3000})
            guest_write(7, {code=0x1000, gpa=0x4000, value=1})
            ioctl(5, KVM_SET_USER_MEMORY_REGION, {slot=0, flags=0, guest_phys_addr=0, memory_size=0, userspace_addr=0})
            guest_read(7, {code=0x1000, gpa=0x3000})
            ioctl(5, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS)
            madvise(0x7f1000000000, 0x10000, MADV_DONTNEED)
            host_read(0x7f1000004000)
            """;
    var run = new LiveRun(machine, LiveOptions.DEFAULT, technologies);
    run.run(LogSource.text("a", log), -1, check);
    assertThat(differences).isEmpty();
    assertThat(check.different()).isZero();
    assertThat(run.totals().calls()).isGreaterThan(12);
  }

  @Test
  void aDifferenceIsNamedByTheLineOfTheLogItCameFrom() throws IOException {
    var differences = new ArrayList<Mismatch>();
    var wrong =
        new KvmLogReplayer(technologies).withSettings(java.util.Map.of("core.max-vcpus", "5"));
    var run = new LiveRun(machine, LiveOptions.DEFAULT, technologies);
    String log = START + "ioctl(5, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS)\n";
    run.run(LogSource.text("a", log), -1, new LiveCheck("a", wrong, differences::add));
    assertThat(differences).hasSize(1);
    assertThat(differences.getFirst().line()).isEqualTo(8);
    assertThat(differences.getFirst().program()).isEqualTo(7);
    assertThat(differences.getFirst().got()).isEqualTo("5");
  }

  @Test
  void whatCannotBeDoneHereIsPassedOverByName() throws IOException {
    var run = new LiveRun(machine, LiveOptions.DEFAULT, technologies);
    String log =
        START
            + """
            guest_tdcall(7, {leaf=3})
            ioctl(7, KVM_MEMORY_ENCRYPT_OP, {id=KVM_SEV_INIT2})
            openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 9
            vm_launch({memory=0x100000}) = 1
            # program 8
            openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
            ioctl(3, KVM_CREATE_VM, 63) = 5
            """;
    run.run(LogSource.text("a", log), -1, _ -> true);
    assertThat(run.totals().passedOver().keySet())
        .anyMatch(k -> k.startsWith("guest_tdcall"))
        .anyMatch(k -> k.contains("KVM_SEV_INIT2"))
        .anyMatch(k -> k.contains("/etc/passwd"))
        .anyMatch(k -> k.startsWith("vm_launch"));
    assertThat(run.totals().programsPassedOver())
        .containsEntry("VMs of type 63: not offered here", 1L);
    assertThat(run.totals().programs()).isEqualTo(1);
  }

  @Test
  void vmsOfAnotherTypeCanBeMadeInstead() throws IOException {
    String log = START.replace("KVM_X86_DEFAULT_VM", "63");
    List<String> lines = run(new LiveOptions(10_000, 0), log);
    assertThat(lines).contains("ioctl(3, KVM_CREATE_VM, KVM_X86_DEFAULT_VM) = 5");
  }
}
