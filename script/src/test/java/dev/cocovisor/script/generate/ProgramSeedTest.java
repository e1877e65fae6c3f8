package dev.cocovisor.script.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ProgramSeedTest {
  private static int[] choices(ProgramSeed seed, int n) {
    var c = new Choices(seed);
    for (int i = 0; i < n; i++) {
      var _ = c.below(1000);
    }
    return c.sequence();
  }

  @Test
  void aVariedProgramIsTheSameUpToSomeChoiceAndAnotherBehindIt() {
    ProgramSeed first = ProgramSeed.of(17);
    var random = new SplittableRandom(4);
    for (int i = 0; i < 50; i++) {
      ProgramSeed varied = first.varied(200, random);
      int cut = varied.from(varied.parts() - 1);
      int[] a = choices(first, 200);
      int[] b = choices(varied, 200);
      assertThat(java.util.Arrays.mismatch(a, b)).as(varied.toString()).isBetween(cut, cut + 2);
    }
  }

  @Test
  void itIsReadAsItWasWritten() {
    var random = new SplittableRandom(9);
    ProgramSeed seed = ProgramSeed.of(-3);
    for (int i = 0; i < 100; i++) {
      seed = seed.varied(300, random);
      ProgramSeed read = ProgramSeed.parse(seed.toString());
      assertThat(read).hasToString(seed.toString());
      assertThat(choices(read, 300)).isEqualTo(choices(seed, 300));
    }
    assertThat(ProgramSeed.parse("17@120~55").parts()).isEqualTo(2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "x", "17@", "17@5", "17~55", "17@1~", "17@1~5@2"})
  void anythingElseIsRefused(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ProgramSeed.parse(text))
        .withMessageContaining("17@120~55 expected");
  }
}
