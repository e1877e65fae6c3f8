package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import org.junit.jupiter.api.Test;

/** What the command about the library of races prints, and with which exit code. */
class RacesCommandTest {
  @Test
  void withoutATechnologyItNamesTheOperations() {
    Ran r = Ran.of("races");
    assertThat(r.out()).contains("fault\n", "convert to private\n", "dirty log clear\n");
    assertThat(r.code()).isEqualTo(ExitCode.CLEAN);
  }

  @Test
  void aMeetingIsSearchedExhaustively() {
    Ran r = Ran.of("races", "sw-protected", "--meeting", "prefault,punch", "--bound", "1");
    assertThat(r.out()).contains("sw-protected: meetings=1 schedules=", "findings=0 exhaustive");
    assertThat(r.code()).isEqualTo(ExitCode.CLEAN);
  }

  @Test
  void onlyMeetingsWithAnOperationAreSearched() {
    Ran r = Ran.of("races", "pkvm", "--with", "slot create", "--with", "mmap", "--bound", "0");
    assertThat(r.out()).contains("pkvm: meetings=1 ");
  }

  @Test
  void oneScheduleIsFollowed() {
    Ran r = Ran.of("races", "sw-protected", "--meeting", "fault,punch", "--schedule", "0*8 1");
    assertThat(r.out()).contains("schedules=1 findings=0 one schedule");
    assertThat(r.code()).isEqualTo(ExitCode.CLEAN);
  }

  @Test
  void aBudgetThatRunsOutIsSaid() {
    Ran r = Ran.of("races", "tdx", "--with", "reboot", "--bound", "2", "--seconds", "1");
    assertThat(r.out()).contains("stopped by its budget, left=");
    assertThat(r.code()).isEqualTo(ExitCode.BUDGET);
  }

  @Test
  void anOperationThatNobodyKnowsIsRefusedWithTheOneMeant() {
    Ran r = Ran.of("races", "tdx", "--meeting", "fault,punsh");
    assertThat(r.err()).contains("no operation 'punsh': did you mean punch?");
    assertThat(r.code()).isEqualTo(ExitCode.USAGE);
  }

  @Test
  void anOperationWithoutMeaningOnATechnologyIsRefused() {
    Ran r = Ran.of("races", "pkvm", "--meeting", "fault,close memory");
    assertThat(r.err()).contains("'close memory' has no meaning on this technology");
    assertThat(r.code()).isEqualTo(ExitCode.USAGE);
  }
}
