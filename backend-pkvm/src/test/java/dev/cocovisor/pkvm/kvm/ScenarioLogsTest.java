package dev.cocovisor.pkvm.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The logs of conformance/pkvm, written by hand; each says in its head where its rule is from. */
class ScenarioLogsTest {
  private static final Path LOGS =
      Path.of(System.getProperty("cocovisor.root", ".."), "conformance", "pkvm");

  private static List<Path> logs() throws IOException {
    try (Stream<Path> files = Files.list(LOGS)) {
      return files.filter(f -> f.toString().endsWith(".kvmlog")).sorted().toList();
    }
  }

  @TestFactory
  Stream<DynamicTest> everyScenarioAnswersAsItsLogSays() throws IOException {
    return logs().stream()
        .map(f ->
            DynamicTest.dynamicTest(
                String.valueOf(f.getFileName()), () -> replay(LogSource.file(f))));
  }

  @Test
  void thereAreAtLeastTen() throws IOException {
    assertThat(logs()).hasSizeGreaterThanOrEqualTo(10);
  }

  @Test
  void aVmmLaunchesAndConvertsWithTheStepsThatEveryTechnologyHas() throws IOException {
    replay(
        LogSource.text(
            "steps.kvmlog",
            """
            # program 0
            host_config({backend=pkvm}) = 0
            vm_launch({memory=0x400000, vcpus=1}) = 1
            vm_populate(1, {at=0x1000, size=0x2000, value=7}) = 0
            vm_finalize(1) = 0
            vm_read(1, {at=0x1000}) = 0 (OK, value=7)
            host_peek(1, {at=0x1000}) = -1 SIGSEGV
            vm_convert(1, {at=0x1000, size=0x1000, to=shared}) = 0
            host_peek(1, {at=0x1000}) = 7
            vm_convert(1, {at=0x1000, size=0x1000, to=private}) = 0
            host_peek(1, {at=0x1000}) = -1 SIGSEGV
            vm_teardown(1) = 0
            """));
  }

  private static void replay(LogSource log) throws IOException {
    List<Mismatch> mismatches = new ArrayList<>();
    new KvmLogReplayer(Technologies.of(List.of(new PkvmBackend())))
        .replay(log, ReplayOptions.ALL, mismatches::add);
    assertThat(mismatches).isEmpty();
  }
}
