package dev.cocovisor.pkvm.logs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.pkvm.kvm.PkvmBackend;
import dev.cocovisor.script.generate.CheckTable;
import dev.cocovisor.script.generate.StoredLog;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The checks of arm64's KVM, each alone and in pairs, as a log that is stored and replayed. */
class ArmCheckLogTest {
  private static final List<CheckTable> TABLES = ArmTables.all();
  private static final String TITLE =
      "The checks of an arm64 VM's calls, protected and not, each broken alone and in pairs.";

  private static Path stored() {
    return Path.of(System.getProperty("cocovisor.root", ".."))
        .resolve("conformance/pkvm/checks-7.3.kvmlog.gz");
  }

  private static List<Mismatch> differences(List<CheckTable> tables) throws IOException {
    return StoredLog.differences(new PkvmBackend(), CheckTable.log(TITLE, tables));
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

  /** New slots of a protected guest, moved ones, and those of a file, each in another order. */
  @Test
  void anotherOrderOfChecksIsNoticed() throws IOException {
    for (CheckTable t : List.of(TABLES.get(0), TABLES.get(1), TABLES.get(10))) {
      assertThat(differences(List.of(t.withAnotherOrder()))).as(t.source()).isNotEmpty();
    }
  }
}
