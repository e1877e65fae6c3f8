package dev.cocovisor.snp.rules;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.script.generate.StoredLog;
import dev.cocovisor.snp.kvm.SevBackend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Every check of a command, alone and before every other, answers as the kernel's text says. */
class RuleProgramsTest {
  private static String log(List<RuleTable> tables) {
    RuleTable table = tables.getFirst();
    StringBuilder s = new StringBuilder();
    s.append("# ").append(table.title).append(" of a ").append(table.type);
    s.append(" guest: each check alone, and each pair, of which the earlier one answers.\n");
    boolean elsewhere = table.functions.startsWith("arch/");
    s.append(elsewhere ? "# " : "# arch/x86/kvm/svm/sev.c, ");
    s.append(table.functions).append(" (7.3).\n");
    int n = 0;
    for (String program : tables.stream().flatMap(t -> t.programs().stream()).toList()) {
      s.append("# program ").append(n++).append('\n').append(program);
    }
    return s.toString();
  }

  private static Path file(RuleTable table) {
    String name = "rules-" + table.type + "-" + table.command;
    return Path.of(
        System.getProperty("cocovisor.root"),
        "conformance",
        "sev-snp",
        "rules",
        name.toLowerCase(java.util.Locale.ROOT).replaceAll("[_ ]", "-") + ".kvmlog");
  }

  @TestFactory
  Stream<DynamicTest> tablesReplay() {
    return SevRules.all().stream()
        .map(t ->
            DynamicTest.dynamicTest(
                t.type + " " + t.title, () -> assertThat(differences(t)).isEmpty()));
  }

  private static List<Mismatch> differences(RuleTable t) throws IOException {
    return StoredLog.differences(new SevBackend(), log(List.of(t)));
  }

  /** The tables can tell one order from another: with two checks exchanged they no longer fit. */
  @Test
  void anotherOrderOfChecksIsNoticed() throws IOException {
    assertThat(noticed(SevRules.commands()) + noticed(ExitRules.all())).isEqualTo(10);
  }

  private static int noticed(List<RuleTable> tables) throws IOException {
    int tried = 0;
    for (RuleTable t : tables) {
      RuleTable other = t.withAnotherOrder();
      if (other != null && tried < 5) {
        tried++;
        assertThat(differences(other)).as(t.type + " " + t.title).isNotEmpty();
      }
    }
    return tried;
  }

  @Test
  void thereAreEighteenHundredPrograms() {
    assertThat(SevRules.all().stream().mapToInt(t -> t.programs().size()).sum())
        .isGreaterThanOrEqualTo(1800);
  }

  /** With -Dcocovisor.write-rules the files are written instead. */
  @Test
  void filesHoldWhatTheTablesSay() throws IOException {
    Map<Path, List<RuleTable>> files =
        SevRules.all().stream()
            .collect(Collectors.groupingBy(RuleProgramsTest::file, Collectors.toList()));
    for (Path file : files.keySet()) {
      String log = log(files.getOrDefault(file, List.of()));
      if (Boolean.getBoolean("cocovisor.write-rules")) {
        Files.createDirectories(file.getParent());
        Files.writeString(file, log);
      }
      assertThat(file).content().isEqualTo(log);
    }
  }
}
