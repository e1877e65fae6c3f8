package dev.cocovisor.live.strace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Traces of the kernel's selftests and of QEMU: imported, and replayed as far as they tell. */
class StraceSamplesTest {
  private static final Path SAMPLES =
      Path.of(System.getProperty("cocovisor.root"), "conformance/strace");

  @ParameterizedTest
  @CsvSource({
    "kvmtool-start, 1600, 1540, 0, 14",
    "memslot_modification_stress_test, 195, 188, 12, 62",
    "pre_fault_memory_test, 514, 486, 47, 163",
    "private_mem_kvm_exits_test, 246, 240, 8, 89",
    "qemu-start, 20000, 11805, 5, 473",
    "vm_types_test, 87, 86, 0, 75",
  })
  void aTraceIsImportedAndItsAnswersAreTheModels(
      String name, long lines, long calls, long undecoded, long compared) throws IOException {
    var importer = new StraceImport();
    importer.read(LogSource.file(SAMPLES.resolve(name + ".strace.gz")));
    var log = new StringBuilder();
    ImportSummary s = importer.write(log);
    assertThat(s.lines()).isEqualTo(lines);
    assertThat(s.calls()).isEqualTo(calls);
    assertThat(s.undecoded()).isEqualTo(undecoded);
    var found = new ArrayList<Mismatch>();
    ReplaySummary r =
        new KvmLogReplayer(Technologies.builtIn())
            .passingOver(_ -> {})
            .replay(LogSource.text(name, log.toString()), ReplayOptions.ALL, found::add);
    assertThat(found).isEmpty();
    assertThat(r.notes()).containsEntry(KvmLogReplayer.COMPARED, compared);
  }

  /**
   * What {@code kvm.bt} printed (bpftrace 0.17, Linux 6.18 without memory attributes) of a VMM of
   * thirty lines: structures that strace leaves out, and the exits.
   */
  @Test
  void bpftracePrintsStructuresThatStraceLeavesOut() throws IOException {
    var importer = new StraceImport();
    importer.read(LogSource.file(SAMPLES.resolve("smallvmm.bpftrace.gz")));
    var log = new StringBuilder();
    ImportSummary s = importer.write(log);
    assertThat(s.undecoded()).isZero();
    assertThat(s.lost()).isEmpty();
    assertThat(log)
        .contains("KVM_CREATE_GUEST_MEMFD, {size=16384, flags=0}) = 5")
        .contains("guest_memfd_offset=0x4000, guest_memfd=5}) = -1 EINVAL")
        .contains("KVM_RUN, 0) = 0 (KVM_EXIT_MMIO, phys_addr=0x20000, len=1, is_write=1)");
    var found = new ArrayList<Mismatch>();
    ReplaySummary r =
        new KvmLogReplayer(Technologies.builtIn())
            .passingOver(_ -> {})
            .replay(
                LogSource.text(
                    "smallvmm",
                    log.toString().replace("host_config({", "host_config({memory_attributes=0, ")),
                ReplayOptions.ALL,
                found::add);
    assertThat(found).isEmpty();
    assertThat(r.notes()).containsEntry(KvmLogReplayer.COMPARED, 20L);
  }

  /** As under {@code setarch -R}, where everything lies at the same place each time. */
  @Test
  void aMappingMayLieWhereTheRecordedHostsHaveTheirVvar() throws IOException {
    var importer = new StraceImport();
    importer.read(
        LogSource.text(
            "fixed.strace",
            """
            1 openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
            1 ioctl(3, KVM_CREATE_VM, 0) = 4
            1 mmap(NULL, 16384, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7fbb000
            1 ioctl(4, KVM_SET_USER_MEMORY_REGION, {slot=0, flags=0, guest_phys_addr=0, memory_size=16384, userspace_addr=0x7ffff7fbb000}) = 0
            1 madvise(0x7ffff7fbb000, 16384, MADV_DONTNEED) = 0
            """));
    var log = new StringBuilder();
    var _ = importer.write(log);
    var found = new ArrayList<Mismatch>();
    var _ =
        new KvmLogReplayer(Technologies.builtIn())
            .replay(LogSource.text("fixed", log.toString()), ReplayOptions.ALL, found::add);
    assertThat(found).isEmpty();
  }
}
