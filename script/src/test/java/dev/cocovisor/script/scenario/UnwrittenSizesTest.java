package dev.cocovisor.script.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A file that a program never sizes is as long as its answers show, and no longer. */
class UnwrittenSizesTest {
  private static final String MAP =
      """
      # program 0
      memfd_create("m", 0) = 5
      mmap(0x540000000000, 0x2000, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_FIXED_NOREPLACE, 5, 0) = 0x540000000000
      """;

  private static List<Mismatch> replay(String lines) throws IOException {
    var found = new ArrayList<Mismatch>();
    var _ =
        new KvmLogReplayer(Technologies.builtIn())
            .replay(LogSource.text("sizes.kvmlog", MAP + lines), ReplayOptions.ALL, found::add);
    return found;
  }

  @Test
  void anAccessThatIsAnsweredTellsThatTheFileReaches() throws IOException {
    assertThat(replay("host_write(0x540000001000, 7) = 0\nhost_read(0x540000001000) = 7\n"))
        .isEmpty();
  }

  @Test
  void anEmptyFileStaysEmpty() throws IOException {
    assertThat(replay("host_read(0x540000000000) = -1 SIGBUS\n")).isEmpty();
  }

  @Test
  void aFileThatIsSizedHasThatSize() throws IOException {
    assertThat(
            replay(
                """
                ftruncate(5, 0x1000) = 0
                host_read(0x540000000000) = 0
                host_read(0x540000001000) = -1 SIGBUS
                """))
        .isEmpty();
    assertThat(replay("ftruncate(5, 0x1000) = 0\nhost_read(0x540000001000) = 0\n")).hasSize(1);
  }
}
