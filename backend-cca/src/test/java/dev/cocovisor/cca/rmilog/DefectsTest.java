package dev.cocovisor.cca.rmilog;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.op.Stamp;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import dev.cocovisor.cca.rmm.table.Steps;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The programs in which TF-RMM 9a7f8ef4 was seen to break what an open operation owns: with the
 * defect put in, the model answers as it did; without, it keeps the rule and differs.
 */
class DefectsTest {
  private static final Path LOG =
      Path.of(System.getProperty("cocovisor.root", "."), "conformance", "rmm-2.0-defects.rmilog");

  /** A rule that TF-RMM does not keep; by the number of the program that shows it. */
  static Safeguards without(String rule) {
    return new Safeguards() {
      @Override
      public boolean isStamped(long e) {
        return rule.equals("address bits are no marks")
            ? Stamp.hasMark(e) && !Rtte.isTable(e)
            : super.isStamped(e);
      }

      @Override
      public boolean createSparesStamps() {
        return !rule.equals("create spares stamps");
      }

      @Override
      public boolean initSparesStamps() {
        return !rule.equals("init spares stamps");
      }

      @Override
      public boolean unlocksReferencedTable() {
        return !rule.equals("a referenced table is let go");
      }
    };
  }

  private static List<Mismatch> replay(int program, Safeguards safeguards) throws IOException {
    List<Mismatch> mismatches = new ArrayList<>();
    try (BufferedReader reader = LogSource.file(LOG).opener().open()) {
      var _ =
          new RmiReplay(
                  "defects",
                  new ReplayOptions(program, 0),
                  mismatches::add,
                  safeguards,
                  Steps.RELEASED)
              .run(reader);
    }
    return mismatches;
  }

  @ParameterizedTest
  @CsvSource({
    "0, address bits are no marks",
    "1, address bits are no marks",
    "3, init spares stamps",
    "6, create spares stamps",
  })
  void aDefectThatIsPutInAnswersAsWasRecordedAndOtherwiseTheRuleIsKept(int program, String rule)
      throws IOException {
    assertThat(replay(program, without(rule))).isEmpty();
    assertThat(replay(program, Safeguards.ALL)).isNotEmpty();
  }

  /** The entry that was overwritten is a table's; what RIPAS its bits read as is not modelled. */
  @Test
  void aBlockOverATableDiffersInItsRipasOnly() throws IOException {
    List<Mismatch> mismatches = replay(2, without("create spares stamps"));
    assertThat(mismatches).hasSize(1);
    assertThat(mismatches.getFirst().call()).startsWith("smc(RMI_RTT_READ_ENTRY");
    assertThat(replay(2, Safeguards.ALL)).hasSizeGreaterThan(1);
  }

  /** These show themselves by assertions and waits only, or are what the recording has anyway. */
  @ParameterizedTest
  @CsvSource({"5", "7", "8"})
  void theOthersAnswerAlikeEitherWay(int program) throws IOException {
    assertThat(replay(program, Safeguards.ALL)).isEmpty();
  }

  /** There TF-RMM goes on in a page that is the host's again; here the table stays a table. */
  @Test
  void aTableThatAnOperationComesBackToIsNotDestroyed() throws IOException {
    assertThat(replay(4, Safeguards.ALL).getFirst().got()).startsWith("0xa {");
  }
}
