package dev.cocovisor.tdx.logs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.script.generate.StoredLog;
import dev.cocovisor.tdx.kvm.TdxBackend;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The checks of 7.3, each alone and in pairs, as a log that is stored and replayed. */
class RuleLogTest {
  private static final List<RuleTable> TABLES =
      Stream.concat(
              Stream.of(
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
                  RunTables.run(),
                  RunTables.runOther(),
                  SlotTables.setRegion()),
              CapabilityTables.all().stream())
          .toList();

  /** The others have checks that all answer alike, or none that can be broken together. */
  private static final int TABLES_THAT_SHOW_ORDER = 17;

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

  private static String log() {
    StringBuilder out =
        new StringBuilder("# The checks of a TD's KVM, each broken alone and in pairs.\n");
    int n = 0;
    for (RuleTable t : TABLES) {
      n = append(out, n, t.source(), t.cases());
    }
    String tdx = "Linux 7.3, arch/x86/kvm/vmx/tdx.c, ";
    n = append(out, n, tdx + "tdx_complete_vmcall_map_gpa", Aftermath.answersToMapGpa());
    n = append(out, n, tdx + "tdx_td_finalize, TDX_BUG_ON", Aftermath.aBuggedVm());
    n = append(out, n, tdx + "tdx_vm_ioctl, tdx_vcpu_ioctl", Aftermath.commandsElsewhere());
    n = append(out, n, tdx + "tdx_vcpu_create; regs.c, x86.c", Aftermath.keptFromKvm());
    return out.append("# ").append(n).append(" programs\n").toString();
  }

  private static List<Mismatch> differences(String text) throws IOException {
    return StoredLog.differences(new TdxBackend(), text);
  }

  @Test
  void everyCheckAnswersAsTheKernelsTextSaysAndInItsOrder() throws IOException {
    String text = log();
    assertThat(text.split("\n# program ", -1)).hasSizeGreaterThan(600);
    assertThat(differences(text)).isEmpty();
  }

  @Test
  void theStoredLogIsWhatTheTablesSay() throws IOException {
    String text = log();
    assertThat(StoredLog.held(stored(), text))
        .as("write it with -Dcocovisor.write=true")
        .isEqualTo(text);
  }

  /** The tables can tell one order from another: with a check moved ahead they no longer fit. */
  @Test
  void anotherOrderOfChecksIsNoticed() throws IOException {
    int tables = 0;
    for (RuleTable t : TABLES) {
      List<Rule> rules = anotherOrder(t.rules());
      if (!rules.isEmpty()) {
        tables++;
        RuleTable moved = new RuleTable(t.source(), t.good(), t.success(), t.call(), rules);
        StringBuilder text = new StringBuilder();
        int n = append(text, 0, t.source(), moved.cases());
        assertThat(n).isEqualTo(t.cases().size());
        assertThat(differences(text.toString())).as(t.source()).isNotEmpty();
      }
    }
    assertThat(tables).isEqualTo(TABLES_THAT_SHOW_ORDER);
  }

  /** Moves a check ahead of one that answers otherwise; empty where there is no such pair. */
  private static List<Rule> anotherOrder(List<Rule> rules) {
    for (int i = 0; i < rules.size(); i++) {
      for (int j = i + 1; j < rules.size(); j++) {
        Rule a = rules.get(i);
        Rule b = rules.get(j);
        if (!a.answer().equals(b.answer()) && !a.touches(b)) {
          List<Rule> moved = new ArrayList<>(rules);
          moved.add(i, moved.remove(j));
          return moved;
        }
      }
    }
    return List.of();
  }
}
