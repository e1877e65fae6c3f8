package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** A command that stands alone on the line is not read by picocli, and does the same. */
class AloneTest {
  @Test
  void backendsAloneSaysWhatItSaysAmongOptions() {
    Ran alone = Ran.of("backends");
    Ran among = Ran.of("--wide", "backends");
    assertThat(alone).isEqualTo(among);
    assertThat(alone.out()).contains("tdx", "sev-snp", "pkvm", "cca");
  }

  @Test
  void everyOtherCommandIsRead() {
    assertThat(Ran.of("measure").err()).contains("which mode?");
    assertThat(Ran.of("backendz").err()).contains("did you mean backends");
  }
}
