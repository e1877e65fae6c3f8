package dev.cocovisor.tdx.seamlog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.MismatchSink;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.tdx.kvm.TdxBackend;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SeamLogReplayTest {
  private static final String SETUP = "# program 3\nsetup(levels=4, gpaw=0, sept_ve_disable=0)\n";

  private static ReplaySummary replay(String text, List<Mismatch> found) throws IOException {
    return new SeamLogReplayer()
        .replay(LogSource.text("test.seamlog", text), ReplayOptions.ALL, found::add);
  }

  @Test
  void theRecordingOfIntelsModuleIsAnsweredAlike() throws IOException {
    Path log =
        Path.of(System.getProperty("cocovisor.root", ".."), "conformance")
            .resolve("tdx-module-1.5.seamlog.gz");
    List<Mismatch> found = new ArrayList<>();
    ReplaySummary summary =
        new SeamLogReplayer().replay(LogSource.file(log), ReplayOptions.ALL, found::add);
    assertThat(found).isEmpty();
    assertThat(summary.programs()).isEqualTo(300);
    assertThat(summary.calls()).isGreaterThan(68_000);
    assertThat(summary.mismatches()).isZero();
  }

  @Test
  void theBackendOffersTheReplayer() {
    assertThat(new TdxBackend().replayers())
        .singleElement()
        .satisfies(r -> assertThat(r.suffix()).isEqualTo("seamlog"));
  }

  @Test
  void aWrongStatusIsReportedWithItsPlace() throws IOException {
    List<Mismatch> found = new ArrayList<>();
    ReplaySummary summary =
        replay(SETUP + "seamcall(TDH.MR.FINALIZE, rcx=0x40000000) = 0xc000060800000000\n", found);
    assertThat(summary.mismatches()).isEqualTo(1);
    assertThat(found.getFirst().line()).isEqualTo(3);
    assertThat(found.getFirst().program()).isEqualTo(3);
    assertThat(found.getFirst().expected()).isEqualTo("0xc000060800000000");
    assertThat(found.getFirst().got()).isEqualTo("0x0");
  }

  @Test
  void aWrongRegisterIsReported() throws IOException {
    List<Mismatch> found = new ArrayList<>();
    replay(
        SETUP
            + "seamcall(TDH.MEM.SEPT.RD, rcx=0x3, rdx=0x40000000) = 0x0"
            + " {rcx=0x8000000000000000, rdx=0x403}\n",
        found);
    assertThat(found).singleElement().satisfies(m -> assertThat(m.got()).isEqualTo("rdx=0x3"));
  }

  @Test
  void wrongStateLinesAreReported() throws IOException {
    List<Mismatch> found = new ArrayList<>();
    replay(
        SETUP
            + "sept(0, 0x0, 3) = {state=0x84, rwx=0x7, hpa=0x40100000}\n"
            + "pamt(0x40000000) = {type=0x3, size=0x0, owner=0x0, bepoch=0x0}\n"
            + "td(0) = {lifecycle=0x1, op_state=0x2, epoch=0x1, ref0=0x0, ref1=0x0}\n",
        found);
    assertThat(found).hasSize(3);
  }

  @Test
  void aFinalListThatLeavesSomethingOutIsReported() throws IOException {
    List<Mismatch> found = new ArrayList<>();
    replay(
        SETUP
            + "final_td(0) = {lifecycle=0x1, op_state=0x1, epoch=0x1, ref0=0x0, ref1=0x0,"
            + " children=0x12}\n",
        found);
    assertThat(found).isNotEmpty().allMatch(m -> m.call().equals("end of program"));
  }

  @Test
  void aLineThatIsNoCallNamesItsColumn() {
    assertThatThrownBy(() -> replay(SETUP + "seamcall(TDH.NONSENSE) = 0x0\n", new ArrayList<>()))
        .isInstanceOf(LogSyntaxException.class)
        .hasMessageStartingWith("test.seamlog:3:22: ");
    assertThatThrownBy(() -> replay(SETUP + "td(7) = {}\n", new ArrayList<>()))
        .isInstanceOf(LogSyntaxException.class)
        .hasMessageContaining("test.seamlog:3:4:");
    assertThatThrownBy(() -> replay("td(0) = {}\n", new ArrayList<>()))
        .isInstanceOf(LogSyntaxException.class);
  }

  @Test
  void oneProgramCanBeChosen() throws IOException {
    String two = SETUP + "# program 4\nsetup(none, levels=4, gpaw=0)\n";
    ReplaySummary s =
        new SeamLogReplayer()
            .replay(LogSource.text("t", two), new ReplayOptions(4, 0), MismatchSink.NONE);
    assertThat(s.programs()).isEqualTo(1);
    assertThat(s.calls()).isEqualTo(1);
  }
}
