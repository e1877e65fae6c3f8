package dev.cocovisor.tdx.logs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.script.generate.StoredLog;
import dev.cocovisor.tdx.kvm.TdxBackend;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The checks of 7.3, each alone and in pairs, as a log that is stored and replayed. */
class RuleLogTest {
  private static final List<RuleTable> TABLES =
      List.of(
          CommandTables.initVm(),
          CommandTables.initVcpu(),
          CommandTables.capabilities(),
          CommandTables.memRegion(),
          CommandTables.finalizeVm(),
          CommandTables.getCpuid(),
          CommandTables.createVcpu(),
          RunTables.preFault(),
          RunTables.mapGpa(),
          RunTables.mmio(),
          RunTables.run());

  private static Path stored() {
    return Path.of(System.getProperty("cocovisor.root", ".."))
        .resolve("conformance/tdx/rules-7.3.kvmlog.gz");
  }

  private static int append(
      StringBuilder out, int number, String source, List<RuleTable.Case> cases) {
    out.append("# Source: ").append(source).append('\n');
    int n = number;
    for (RuleTable.Case c : cases) {
      out.append("# program ").append(n++).append('\n');
      out.append("# ").append(c.about()).append('\n');
      c.lines().forEach(line -> out.append(line).append('\n'));
    }
    return n;
  }

  private static String log(List<RuleTable> tables) {
    StringBuilder out =
        new StringBuilder("# The checks of a TD's KVM, each broken alone and in pairs.\n");
    int n = 0;
    for (RuleTable t : tables) {
      n = append(out, n, t.source(), t.cases());
    }
    String tdx = "Linux 7.3, arch/x86/kvm/vmx/tdx.c, ";
    n = append(out, n, tdx + "tdx_complete_vmcall_map_gpa", Aftermath.answersToMapGpa());
    n = append(out, n, tdx + "tdx_td_finalize, TDX_BUG_ON", Aftermath.aBuggedVm());
    n = append(out, n, tdx + "tdx_vm_ioctl, tdx_vcpu_ioctl", Aftermath.commandsElsewhere());
    return out.append("# ").append(n).append(" programs\n").toString();
  }

  private static List<Mismatch> differences(String text) throws IOException {
    assertThat(text.split("\n# program ", -1)).hasSizeGreaterThan(200);
    return StoredLog.differences(new TdxBackend(), text);
  }

  @Test
  void everyCheckAnswersAsTheKernelsTextSaysAndInItsOrder() throws IOException {
    assertThat(differences(log(TABLES))).isEmpty();
  }

  @Test
  void theStoredLogIsWhatTheTablesSay() throws IOException {
    String text = log(TABLES);
    assertThat(StoredLog.held(stored(), text))
        .as("write it with -Dcocovisor.write=true")
        .isEqualTo(text);
  }

  /** The tables can tell one order from another: with two checks exchanged they no longer fit. */
  @Test
  void anotherOrderOfChecksIsNoticed() throws IOException {
    for (int table : new int[] {0, 3, 7}) {
      List<RuleTable> tables = new ArrayList<>(TABLES);
      RuleTable t = tables.get(table);
      List<Rule> rules = new ArrayList<>(t.rules());
      int at = firstThatShows(rules);
      Collections.swap(rules, at, at + 1);
      tables.set(table, new RuleTable(t.source(), t.good(), t.success(), t.call(), rules));
      assertThat(differences(log(tables))).as(t.source()).isNotEmpty();
    }
  }

  private static int firstThatShows(List<Rule> rules) {
    for (int i = 0; i + 1 < rules.size(); i++) {
      Rule a = rules.get(i);
      Rule b = rules.get(i + 1);
      if (!a.answer().equals(b.answer()) && !a.touches(b)) {
        return i;
      }
    }
    throw new AssertionError("no two neighbours differ");
  }
}
