package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** The invalidation sequence, as mmu_invalidate_retry_gfn reads it. */
class InvalidationTest {
  private final Invalidation i = new Invalidation();

  @Test
  void anOpenInvalidationHoldsItsHalfOpenRangeAndNothingElse() {
    long seen = i.read();
    assertThat(i.mustRetry(seen, 15)).isFalse();
    i.begin(Invalidation.Cause.USER_MAPPINGS);
    assertThat(i.active()).isTrue();
    assertThat(i.mustRetry(seen, 15)).as("no range yet").isFalse();
    i.add(10, 20);
    assertThat(i.mustRetry(seen, 9)).isFalse();
    assertThat(i.mustRetry(seen, 10)).isTrue();
    assertThat(i.mustRetry(seen, 19)).isTrue();
    assertThat(i.mustRetry(seen, 20)).isFalse();
  }

  @Test
  void whoLookedAPageUpBeforeTheEndTriesAgainWhereverItIs() {
    long seen = i.read();
    i.begin(Invalidation.Cause.USER_MAPPINGS);
    i.add(10, 20);
    i.end(Invalidation.Cause.USER_MAPPINGS);
    assertThat(i.active()).isFalse();
    assertThat(i.mustRetry(seen, 15)).isTrue();
    assertThat(i.mustRetry(seen, 500)).isTrue();
    assertThat(i.mustRetry(i.read(), 15)).isFalse();
  }

  @Test
  void twoAtATimeHoldWhatLiesBetweenUntilBothHaveEnded() {
    i.begin(Invalidation.Cause.USER_MAPPINGS);
    i.add(10, 20);
    i.begin(Invalidation.Cause.USER_MAPPINGS);
    i.add(40, 50);
    assertThat(i.openings()).isEqualTo(2);
    assertThat(i.mustRetry(i.read(), 30)).isTrue();
    assertThat(i.mustRetry(i.read(), 10)).isTrue();
    assertThat(i.mustRetry(i.read(), 49)).isTrue();
    long first = i.read();
    i.end(Invalidation.Cause.USER_MAPPINGS);
    assertThat(i.active()).isTrue();
    assertThat(i.read()).isEqualTo(first + 1);
    assertThat(i.mustRetry(i.read(), 12)).isTrue();
    i.end(Invalidation.Cause.USER_MAPPINGS);
    assertThat(i.openings()).isZero();
    assertThat(i.mustRetry(i.read(), 12)).isFalse();
  }

  @Test
  void aNewInvalidationForgetsTheRangeOfTheLast() {
    i.begin(Invalidation.Cause.USER_MAPPINGS);
    i.add(10, 20);
    i.end(Invalidation.Cause.USER_MAPPINGS);
    i.begin(Invalidation.Cause.USER_MAPPINGS);
    i.add(40, 50);
    assertThat(i.mustRetry(i.read(), 15)).isFalse();
    assertThat(i.mustRetry(i.read(), 45)).isTrue();
  }

  @Test
  void anEndWithoutABeginningIsAProgrammingError() {
    assertThatThrownBy(() -> i.end(Invalidation.Cause.USER_MAPPINGS))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void itsPlacesHaveNames() {
    assertThat(i.placeName(0)).isEqualTo("mmu_invalidate_seq");
    assertThat(i.placeName(0x20)).isEqualTo("fault on gfn 0x20");
  }
}
