package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A command that stands alone on the line is not read by picocli, and does the same. */
class AloneTest {
  @Test
  void backendsAloneSaysWhatItSaysAmongOptions() {
    Ran alone = Ran.of("backends");
    Ran among = Ran.of("--wide", "backends");
    assertThat(alone).isEqualTo(among);
    assertThat(alone.out()).contains("tdx", "sev-snp", "pkvm", "cca");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--ovmf ovmf-a.fd --vcpus 3 --vcpu-type EPYC-v4",
        "ovmf-a.fd --vcpus 3 --vcpu-type EPYC-v4 --vmm-type ec2",
        "ovmf-a.fd",
        "--ovmf none.fd --vcpus 1 --vcpu-type EPYC",
        "--ovmf bad-type.fd --vcpus 1 --vcpu-type EPYC",
        "--ovmf ovmf-a.fd --vcpus many --vcpu-type EPYC",
        "--ovmf ovmf-a.fd --vcpus 1 --vcpu-type EPIC",
        "--ovmf ovmf-a.fd --vcpus 1 --vcpus 2 --vcpu-type EPYC",
        "ovmf-a.fd --ovmf ovmf-b.fd --vcpus 1 --vcpu-type EPYC",
        "--ovmf ovmf-a.fd --vcpus -1 --vcpu-type EPYC",
        "--ovmf ovmf-a.fd --vcpus",
        "--ovmf ovmf-a.fd --steps x",
        "--ovmf ovmf-a.fd --no-such 1"
      })
  void aMeasureOfInputsAloneSaysWhatItSaysAmongOptions(String inputs) {
    Path images = Path.of(System.getProperty("cocovisor.root"), "conformance/vectors/images");
    String[] words =
        Stream.of(("measure snp " + inputs).split(" "))
            .map(w -> w.endsWith(".fd") ? images.resolve(w).toString() : w)
            .toArray(String[]::new);
    Ran alone = Ran.of(words);
    List<String> wide = new ArrayList<>(List.of(words));
    wide.add(2, "--wide");
    Ran among = Ran.of(wide.toArray(String[]::new));
    assertThat(alone).isEqualTo(among);
    assertThat(alone.out() + alone.err()).isNotBlank();
  }

  @Test
  void everyOtherCommandIsRead() {
    assertThat(Ran.of("measure").err()).contains("which mode?");
    assertThat(Ran.of("backendz").err()).contains("did you mean backends");
  }
}
