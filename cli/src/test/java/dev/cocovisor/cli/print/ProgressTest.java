package dev.cocovisor.cli.print;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Progress tells a rate, and when it will be done where that is known. */
class ProgressTest {
  private static final long TEN_SECONDS = 10_000_000_000L;

  @Test
  void whatIsLeftTakesAsLongAsWhatIsDone() {
    assertThat(Progress.text("a", 1000, "lines", TEN_SECONDS, 250, 1000))
        .isEqualTo("a: 1,000 lines, 100 a second, 25 %, ETA 0:30");
  }

  @Test
  void whatIsNotKnownIsNotSaid() {
    assertThat(Progress.text("a", 1000, "lines", TEN_SECONDS, 250, 0))
        .isEqualTo("a: 1,000 lines, 100 a second");
  }

  @Test
  void aTableFitsAndLosesNothing() {
    assertThat(Table.wrapped("one two three", 7)).containsExactly("one two", "three");
    assertThat(Table.wrapped("abcdefghij", 4)).containsExactly("abcd", "efgh", "ij");
  }
}
