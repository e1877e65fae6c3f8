package dev.cocovisor.script.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Real programs that {@code cocovisor record} watched; {@code docs/recording.md} says how. */
class RecordedProgramsTest {
  private static final Path PROGRAMS =
      Path.of(System.getProperty("cocovisor.root"), "conformance/programs");

  @ParameterizedTest
  @CsvSource({
    "guest_memfd_test, 4224, 3",
    "set_memory_region_test, 68, 24",
    "memslot_modification_stress_test, 1657, 26",
    "demand_paging_test, 55, 26",
    "dirty_log_test, 185, 122",
    "qemu-seabios, 568, 4312",
  })
  void whatTheyDidToMemoryIsAnsweredTheSame(String name, long compared, long skipped)
      throws IOException {
    var found = new ArrayList<Mismatch>();
    ReplaySummary s =
        new KvmLogReplayer(Technologies.builtIn())
            .passingOver(_ -> {})
            .replay(
                LogSource.file(PROGRAMS.resolve(name + ".kvmlog.gz")),
                ReplayOptions.ALL,
                found::add);
    assertThat(found).isEmpty();
    assertThat(s.notes())
        .containsEntry(KvmLogReplayer.COMPARED, compared)
        .containsEntry(KvmLogReplayer.SKIPPED, skipped);
  }
}
