package dev.cocovisor.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Names are checked letter by letter as these expressions would. */
class NamesTest {
  private static final List<String> NAMES =
      List.of(
          "",
          "a",
          "tdx",
          "sev-snp",
          "x86_64",
          "A",
          "aB",
          "1a",
          "-a",
          "_a",
          "a-",
          "a_",
          "a.b",
          "é",
          "a b",
          "KVM_X86_TDX_VM",
          "a".repeat(32),
          "a".repeat(33),
          "a".repeat(64),
          "a".repeat(65));

  @Test
  void lowerCaseIsALetterThenLettersDigitsAndTheMark() {
    for (String name : NAMES) {
      assertThat(Names.lowerCase(name, '-', 1, 64))
          .as(name)
          .isEqualTo(name.matches("[a-z][a-z0-9-]{0,63}"));
      assertThat(Names.lowerCase(name, '_', 2, 32))
          .as(name)
          .isEqualTo(name.matches("[a-z][a-z0-9_]{1,31}"));
    }
  }

  @Test
  void anyCaseIsLettersDigitsAndUnderscores() {
    for (String name : NAMES) {
      assertThat(Names.anyCase(name, 64)).as(name).isEqualTo(name.matches("[A-Za-z0-9_]{1,64}"));
    }
  }

  @Test
  void aSettingIsNamedByItsOwnerAndItselfOrIsTheKernels() {
    for (String owner : NAMES) {
      for (String name : List.of(owner, owner + ".page-size", "tdx." + owner)) {
        assertThat(made(name))
            .as(name)
            .isEqualTo(name.matches("[a-z][a-z0-9-]*\\.[a-z][a-z0-9-]*|[a-z][a-z0-9_]*"));
      }
    }
  }

  private static boolean made(String name) {
    try {
      return Setting.text(name, "help", "").name().equals(name);
    } catch (IllegalArgumentException e) {
      return false;
    }
  }
}
