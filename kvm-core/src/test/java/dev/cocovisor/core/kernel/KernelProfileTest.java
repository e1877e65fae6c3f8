package dev.cocovisor.core.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.kernel.KernelOption;
import dev.cocovisor.api.kernel.KernelProfile;
import dev.cocovisor.api.kernel.KernelRule;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A kernel is a release, its options, and rules taken over from others. */
class KernelProfileTest {
  private static KernelProfile booted(Map<String, String> settings) {
    var config = HostConfig.DEFAULT;
    for (var e : settings.entrySet()) {
      config = config.withSetting(e.getKey(), e.getValue());
    }
    return new Kvm(config, List.of()).kernel();
  }

  @Test
  void everyRowHasAnIdOfItsOwnAndSaysWhereItComesFrom() {
    var ids = new HashSet<String>();
    for (KernelRule<?> r : KernelRules.ALL) {
      assertThat(ids.add(r.id())).as(r.id()).isTrue();
      assertThat(r.question()).endsWith("?");
      for (KernelRule.Answer<?> a : r.answers()) {
        assertThat(a.says()).as(r.id()).isNotBlank();
        assertThat(a.source()).as(r.id()).isNotBlank();
        assertThat(a.witness()).as(r.id()).isNotBlank();
      }
    }
  }

  @Test
  void aHostHas73UnlessItIsToldOtherwise() {
    assertThat(booted(Map.of())).isEqualTo(KernelProfile.REFERENCE);
    assertThat(booted(Map.of("kernel", "6.12")).on(KernelRules.BIND_OVERLAP))
        .isEqualTo(Errno.EINVAL);
  }

  @Test
  void theLastAnswerThatHoldsCounts() {
    assertThat(KernelProfile.release("6.12").on(KernelRules.BIND_ORDER))
        .isEqualTo(BindOrder.FILE_FIRST);
    assertThat(KernelProfile.release("7.2").on(KernelRules.BIND_ORDER))
        .isEqualTo(BindOrder.FILE_FIRST);
    assertThat(KernelProfile.release("7.3").on(KernelRules.BIND_ORDER))
        .isEqualTo(BindOrder.ARCHITECTURE_FIRST);
  }

  @Test
  void aRuleIsTakenOverFromAnotherRelease() {
    KernelProfile p = booted(Map.of("kernel", "6.12+bind-overlap@7.2"));
    assertThat(p.on(KernelRules.BIND_OVERLAP)).isEqualTo(Errno.EEXIST);
    assertThat(p.on(KernelRules.GMEM_FLAGS)).isEqualTo(GmemFlags.NONE);
    assertThat(p.toString()).isEqualTo("6.12+bind-overlap@7.2");
    assertThat(KernelProfile.release("6.12").differing(p, KernelRules.ALL))
        .containsExactly(KernelRules.BIND_OVERLAP);
  }

  @Test
  void filesKeepAttributesFrom74OnUnlessVmsDo() {
    assertThat(booted(Map.of("kernel", "7.4")).options())
        .containsExactlyInAnyOrder(KernelOption.SMM, KernelOption.IN_PLACE_CONVERSION);
    assertThat(booted(Map.of("kernel", "7.4", "memory_attributes", "1")).options())
        .containsExactlyInAnyOrder(KernelOption.SMM, KernelOption.MEMORY_ATTRIBUTES);
    assertThat(booted(Map.of("gmem_in_place_conversion", "1")).options())
        .contains(KernelOption.MEMORY_ATTRIBUTES, KernelOption.IN_PLACE_CONVERSION);
  }

  @Test
  void whatThereIsNotIsRefusedWithWhatThereIs() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> booted(Map.of("kernel", "6.13")))
        .withMessageContaining("6.12 or 6.16 or 6.18 or 7.2 or 7.3 or 7.4");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> booted(Map.of("kernel", "6.12+bind-overlapp@7.2")))
        .withMessageContaining("did you mean bind-overlap?");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> booted(Map.of("kernel", "6.12", "gmem_in_place_conversion", "1")))
        .withMessageContaining("7.4 has, and 7.3 with its series");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> booted(Map.of("kernel", "7.3+bind-order")))
        .withMessageContaining("+RULE@RELEASE");
  }
}
