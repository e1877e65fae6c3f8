package dev.cocovisor.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** A name that nobody knows leads to the one that was meant. */
class NearestTest {
  private static final List<String> KNOWN =
      List.of("tdx.population", "tdx.page-size-policy", "core.cpus", "core.gmem-order");

  @Test
  void findsChangedLeftOutAndSwappedLetters() {
    assertThat(Nearest.to("tdx.page-sise-policy", KNOWN)).isEqualTo("tdx.page-size-policy");
    assertThat(Nearest.to("core.cpu", KNOWN)).isEqualTo("core.cpus");
    assertThat(Nearest.to("core.cpsu", KNOWN)).isEqualTo("core.cpus");
    assertThat(Nearest.to("core.gmem_order", KNOWN)).isEqualTo("core.gmem-order");
  }

  @Test
  void somethingElseIsNearNothingAndIsAnsweredWithAllThereAre() {
    assertThat(Nearest.to("snp.tsc", KNOWN)).isNull();
    assertThat(Nearest.refusal("setting", "snp.tsc", KNOWN))
        .isEqualTo(
            "no setting 'snp.tsc': there are core.cpus, core.gmem-order, tdx.page-size-policy,"
                + " tdx.population");
    assertThat(Nearest.refusal("step", "vm_lunch", List.of())).endsWith("there is none");
    assertThat(Nearest.refusal("step", "vm_lunch", List.of("vm_launch")))
        .isEqualTo("no step 'vm_lunch': did you mean vm_launch?");
  }
}
