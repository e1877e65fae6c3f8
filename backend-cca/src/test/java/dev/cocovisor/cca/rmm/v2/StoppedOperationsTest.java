package dev.cocovisor.cca.rmm.v2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.op.Block;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.op.Stamp;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Operations stopped at samplings, with everything a host may do meanwhile. */
class StoppedOperationsTest {
  /** More samplings than any of the operations makes: an unmap makes two passes over a table. */
  private static final int SAMPLINGS = 1100;

  @Tag("slow")
  @ParameterizedTest
  @EnumSource(Stopped.Begun.class)
  void keepsEveryInvariantWhereverItStopsAndWhateverComesBetween(Stopped.Begun begun) {
    int cells = 0;
    for (Stopped.Meanwhile meanwhile : Stopped.Meanwhile.values()) {
      for (int n = 0; n < SAMPLINGS; n++) {
        Stopped s = Stopped.run(Safeguards.ALL, begun, n, meanwhile);
        if (s != null) {
          cells++;
          assertThat(s.broken).as("%s at %d, then %s", begun, n, meanwhile).isEmpty();
        }
      }
      assertThat(Stopped.run(Safeguards.ALL, begun, SAMPLINGS, meanwhile))
          .as("it samples no more often")
          .isNull();
    }
    System.out.println(begun + ": stopped and gone on with " + cells + " times");
    assertThat(cells).isGreaterThanOrEqualTo(30);
  }

  /** One rule less each; found if some run breaks an invariant. */
  private static String found(Safeguards safeguards) {
    for (Stopped.Begun begun : Stopped.Begun.values()) {
      for (Stopped.Meanwhile meanwhile : Stopped.Meanwhile.values()) {
        for (int n : new int[] {1, 2, 3, 512, 513}) {
          Stopped s = Stopped.run(safeguards, begun, n, meanwhile);
          if (s != null && !s.broken.isEmpty()) {
            return begun + " then " + meanwhile;
          }
        }
      }
    }
    return "";
  }

  @Test
  void aLiveEntryWhoseAddressBitsLookLikeAStampIsFound() {
    assertThat(
            found(
                new Safeguards() {
                  @Override
                  public boolean isStamped(long e) {
                    return Stamp.hasMark(e) && !Rtte.isTable(e);
                  }
                }))
        .contains("UNSHARE");
  }

  @Test
  void aTableMadeOverAStampedEntryIsFound() {
    assertThat(
            found(
                new Safeguards() {
                  @Override
                  public boolean createSparesStamps() {
                    return false;
                  }
                }))
        .isEqualTo("MAP_BLOCK then CREATE_TABLE");
  }

  @Test
  void aRipasGivenToAStampedEntryIsFound() {
    assertThat(
            found(
                new Safeguards() {
                  @Override
                  public boolean initSparesStamps() {
                    return false;
                  }
                }))
        .isEqualTo("MAP_PAGE then INIT_RIPAS");
  }

  @Test
  void aTableTakenFromUnderAnOperationIsFound() {
    assertThat(
            found(
                new Safeguards() {
                  @Override
                  public boolean pinsTables() {
                    return false;
                  }
                }))
        .contains("UNMAP_NOTHING then ");
  }

  /** A realm with a plane that sees an unprotected table; the primary tree's is destroyed. */
  private static Bench2 referenced(Safeguards safeguards) {
    Bench2 b = new Bench2(safeguards);
    long rd = b.realm(1);
    b.tables(rd, Bench2.SHARED, 2);
    Bench2.ok(b.call(Rmi2Command.RTT_AUX_MAP_UNPROTECTED, rd, Bench2.SHARED, 1));
    assertThat(b.call(Rmi2Command.RTT_DESTROY, rd, Bench2.SHARED, 2)).isEqualTo(Status.rtt(1));
    return b;
  }

  @Test
  void aLockThatIsNotGivenUpIsFound() {
    Safeguards keeps =
        new Safeguards() {
          @Override
          public boolean unlocksReferencedTable() {
            return false;
          }
        };
    assertThat(referenced(keeps).broken()).anyMatch(v -> v.contains("its lock is held"));
    assertThat(referenced(Safeguards.ALL).broken()).isEmpty();
  }

  /** DATA_MAP of the leaf table's own granule. */
  private static long mapTable(Safeguards safeguards) {
    Bench2 b = new Bench2(safeguards);
    long rd = b.realm(0);
    b.tables(rd, 0, 2);
    long leaf = b.delegated();
    Bench2.ok(b.call(Rmi2Command.RTT_CREATE, rd, leaf, 0, 3));
    return b.call(
        Rmi2Command.RTT_DATA_MAP, rd, 0, Bench2.PAGE, Bench2.SINGLE, Block.of(leaf, 3, 1, 0));
  }

  @Test
  void aTableMappedIntoItselfIsRefusedAndWithoutAGlanceWaitsForItsOwnLock() {
    Safeguards blind =
        new Safeguards() {
          @Override
          public boolean looksBeforeLocking() {
            return false;
          }
        };
    assertThat(mapTable(Safeguards.ALL)).isEqualTo(Status.ERROR_INPUT);
    assertThatThrownBy(() -> mapTable(blind)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aHashThatIsNotOfferedIsTakenAsRecordedAndRefusedByTheRule() {
    Safeguards strict =
        new Safeguards() {
          @Override
          public boolean refusesUnofferedHash() {
            return true;
          }
        };
    assertThat(new Bench2().realmWithHash(2)).isEqualTo(Status.SUCCESS);
    assertThat(new Bench2(strict).realmWithHash(2)).isEqualTo(Status.ERROR_INPUT);
    assertThat(new Bench2(strict).realmWithHash(1)).isEqualTo(Status.SUCCESS);
  }

  @Test
  void withAllRulesNothingIsFound() {
    assertThat(found(Safeguards.ALL)).isEmpty();
  }
}
