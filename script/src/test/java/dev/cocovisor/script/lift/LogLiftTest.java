package dev.cocovisor.script.lift;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioRun;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LogLiftTest {
  private static final String VM =
      """
      openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
      ioctl(3, KVM_CREATE_VM, KVM_X86_SW_PROTECTED_VM) = 4
      ioctl(4, KVM_CREATE_GUEST_MEMFD, {size=0x400000, flags=0}) = 6
      ioctl(4, KVM_SET_USER_MEMORY_REGION2, {slot=0, flags=KVM_MEM_GUEST_MEMFD, \
      guest_phys_addr=0x100000, memory_size=0x200000, userspace_addr=0x7f0000000000, \
      guest_memfd_offset=0x200000, guest_memfd=6}) = 0
      ioctl(4, KVM_SET_MEMORY_ATTRIBUTES, {address=0x100000, size=0x200000, attributes=8, flags=0}) = 0
      ioctl(4, KVM_CREATE_VCPU, 0) = 5
      ioctl(5, KVM_RUN, 0) = 0 (KVM_EXIT_IO)
      """;

  private static List<String> lifted(String... lines) throws IOException {
    return LogLift.of(LogSource.text("vmm", VM + String.join("\n", lines))).text().lines().toList();
  }

  private static List<String> steps(String... lines) throws IOException {
    List<String> all = lifted(lines);
    assertThat(all.subList(0, 2))
        .containsExactly("vm_launch({memory=0x200000, vcpus=1})", "vm_finalize(1)");
    return all.subList(2, all.size());
  }

  @Test
  void whatIsThereAtTheFirstRunIsTheLaunch() throws IOException {
    assertThat(steps()).isEmpty();
  }

  @Test
  void slotsArePluggedMovedAndUnplugged() throws IOException {
    String slot =
        "ioctl(4, KVM_SET_USER_MEMORY_REGION, {slot=1, flags=0, guest_phys_addr=%s,"
            + " memory_size=%s, userspace_addr=0x7f1000000000}) = %s";
    assertThat(
            steps(
                slot.formatted("0x900000", "0x1000", "0"),
                slot.formatted("0x100000", "0x1000", "-1 EEXIST"),
                slot.formatted("0xa00000", "0x1000", "0"),
                slot.formatted("0xa00000", "0", "0")))
        .containsExactly(
            "vm_plug(1, {at=0x800000, size=0x1000, huge=0})",
            "vm_move(1, {at=0x800000, to=0x900000})",
            "vm_unplug(1, {at=0x900000})");
  }

  @Test
  void aConversionIsTheGuestsIfItAskedForIt() throws IOException {
    String attributes =
        "ioctl(4, KVM_SET_MEMORY_ATTRIBUTES, {address=0x101000, size=0x1000, attributes=%s,"
            + " flags=0}) = 0";
    assertThat(
            steps(
                "ioctl(5, KVM_RUN, 0) = 0 (KVM_EXIT_HYPERCALL, nr=12, args={0x101000, 1, 0},"
                    + " flags=0)",
                attributes.formatted("0"),
                "guest_read(5, {gpa=0x101008}) = 0",
                attributes.formatted("8"),
                "guest_write(5, {gpa=0x101000, value=1}) = 0",
                "ioctl(5, KVM_RUN, 0) = -1 EFAULT (KVM_EXIT_MEMORY_FAULT, flags=0, gpa=0x102000,"
                    + " size=0x1000)"))
        .containsExactly(
            "vm_convert(1, {at=0x1000, size=0x1000, to=shared, by=guest})",
            "vm_read(1, {at=0x1008, shared=0x1})",
            "vm_convert(1, {at=0x1000, size=0x1000, to=private, by=host})",
            "vm_write(1, {at=0x1000, value=0x1})",
            "vm_read(1, {at=0x2000, shared=0x1})");
  }

  @Test
  void holesAndPrefaultsLieWhereTheFileLies() throws IOException {
    assertThat(
            steps(
                "fallocate(6, FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE, 0x1ff000, 0x3000) = 0",
                "fallocate(6, 0, 0x200000, 0x1000) = 0",
                "ioctl(5, KVM_PRE_FAULT_MEMORY, {gpa=0x102000, size=0x1000, flags=0} =>"
                    + " {gpa=0x103000, size=0}) = 0",
                "close(4) = 0"))
        .containsExactly(
            "vm_punch(1, {at=0, size=0x2000})",
            "vm_prefault(1, {at=0x2000, size=0x1000})",
            "vm_teardown(1)");
  }

  @Test
  void aRealVmmsLogRunsAsAScenario() throws IOException {
    Path log =
        Path.of(
            System.getProperty("cocovisor.root"), "conformance/programs/qemu-seabios.kvmlog.gz");
    LogLift lift = LogLift.of(LogSource.file(log));
    assertThat(lift.launched()).isEqualTo(1);
    assertThat(lift.steps()).isGreaterThan(25);
    Technologies technologies = Technologies.builtIn();
    Scenario scenario =
        Scenario.read(LogSource.text("lifted", lift.text()), StepWords.of(technologies));
    var failed = new ArrayList<String>();
    try (var run = new ScenarioRun(scenario, technologies, "sw-protected", Map.of())) {
      run.run(s -> {
        if (s.got().startsWith("-1")) {
          failed.add(s.call() + " " + s.got());
        }
      });
    }
    assertThat(failed).isEmpty();
  }
}
