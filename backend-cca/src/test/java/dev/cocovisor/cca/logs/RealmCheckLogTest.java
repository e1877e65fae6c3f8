package dev.cocovisor.cca.logs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.cca.kvm.CcaBackend;
import dev.cocovisor.script.generate.CheckTable;
import dev.cocovisor.script.generate.StoredLog;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The checks of a realm's KVM, each alone and in pairs, as a log that is stored and replayed. */
class RealmCheckLogTest {
  private static final List<CheckTable> TABLES = RealmCallTables.all();
  private static final String TITLE =
      "The checks of a realm's calls, each broken alone and in pairs.";

  private static Path stored() {
    return Path.of(System.getProperty("cocovisor.root", ".."))
        .resolve("conformance/cca/checks.kvmlog.gz");
  }

  private static List<Mismatch> differences(List<CheckTable> tables) throws IOException {
    return StoredLog.differences(new CcaBackend(), CheckTable.log(TITLE, tables));
  }

  @Test
  void everyCheckAnswersAsTheKernelsTextSaysAndInItsOrder() throws IOException {
    assertThat(differences(TABLES)).isEmpty();
    assertThat(TABLES.stream().mapToInt(t -> t.programs().size()).sum())
        .isGreaterThanOrEqualTo(200);
  }

  @Test
  void theStoredLogIsWhatTheTablesSay() throws IOException {
    String text = CheckTable.log(TITLE, TABLES);
    assertThat(StoredLog.held(stored(), text))
        .as("write it with -Dcocovisor.write=true")
        .isEqualTo(text);
  }

  /** Launch content, slots and vCPUs, each in another order. */
  @Test
  void anotherOrderOfChecksIsNoticed() throws IOException {
    for (CheckTable t : List.of(TABLES.get(0), TABLES.get(2), TABLES.get(4))) {
      assertThat(differences(List.of(t.withAnotherOrder()))).as(t.source()).isNotEmpty();
    }
  }
}
