package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A guest of 1 TiB in pages of 2 MiB, whole. */
@Tag("slow")
class TerabyteTest {
  private static final String HOST =
      """
      host_config({memory=0x20000000000, core.gmem-order=9})
      vm_launch({memory=0x10000000000, vcpus=1}) = 1
      vm_finalize(1) = 0
      """;

  @TempDir private Path folder;

  private void whole(String technology, String steps) throws IOException {
    Path file = Files.writeString(folder.resolve("t.kvmlog"), HOST + steps);
    Ran ran = Ran.of("run", "--trace", "none", "--backend", technology, file.toString());
    assertThat(ran.code()).as(ran.out() + ran.err()).isEqualTo(ExitCode.CLEAN);
  }

  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "sev-snp"})
  void isMappedAheadToItsEnd(String technology) throws IOException {
    whole(
        technology,
        """
        vm_prefault(1, {at=0, size=0x10000000000} => {at=0x10000000000, size=0}) = 0
        vm_stats(1) = {pages_4k=0, pages_2m=524288, pages_1g=0}
        """);
  }

  @Test
  void isAcceptedByASnpGuest() throws IOException {
    whole("sev-snp", "vm_accept(1, {at=0, size=0x10000000000, level=\"2M\"}) = 0\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "sev-snp", "tdx"})
  void changesSidesByTheHost(String technology) throws IOException {
    whole(
        technology,
        """
        vm_convert(1, {at=0, size=0x10000000000, to=shared, by=host}) = 0
        vm_convert(1, {at=0, size=0x10000000000, to=private, by=host}) = 0
        """);
  }
}
