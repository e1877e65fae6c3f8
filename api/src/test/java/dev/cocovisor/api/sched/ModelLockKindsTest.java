package dev.cocovisor.api.sched;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Both kinds of lock keep the same promises. */
class ModelLockKindsTest {
  static Stream<ModelLock> kinds() {
    return Stream.of(new ModelLock("one word"), ModelLock.manyReaders("many readers"));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void sharersExcludeTheExclusiveAndOthersDoNot(ModelLock lock) {
    lock.lockShared();
    assertThat(lock.held()).isTrue();
    assertThat(lock.heldExclusive()).isFalse();
    lock.assertHeld();
    assertThat(lock.tryLock()).isFalse();
    assertThat(lock.tryLockShared()).isTrue();
    lock.unlockShared();
    lock.unlockShared();
    assertThat(lock.held()).isFalse();
    assertThat(lock.tryLock()).isTrue();
    assertThat(lock.heldExclusive()).isTrue();
    assertThat(lock.tryLockShared()).isFalse();
    lock.unlock();
    assertThat(lock.held()).isFalse();
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void misuseIsAnError(ModelLock lock) {
    assertThatThrownBy(lock::unlockShared).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(lock::unlock).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(lock::assertHeld).isInstanceOf(IllegalStateException.class);
    lock.lock();
    assertThatThrownBy(lock::lock).hasMessageContaining("taken twice");
    assertThatThrownBy(lock::lockShared).hasMessageContaining("while held exclusively");
    lock.unlock();
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void nobodySeesAnExclusiveSectionHalfDone(ModelLock lock) throws InterruptedException {
    long[] pair = new long[2];
    boolean[] torn = new boolean[1];
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      boolean writer = t < 2;
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; i < 20_000; i++) {
                  if (writer && (i & 7) == 0) {
                    lock.lock();
                    pair[0]++;
                    pair[1]++;
                    lock.unlock();
                  } else {
                    lock.lockShared();
                    if (pair[0] != pair[1]) {
                      torn[0] = true;
                    }
                    lock.unlockShared();
                  }
                }
              }));
    }
    for (Thread t : threads) {
      t.join();
    }
    assertThat(torn[0]).isFalse();
    assertThat(pair[0]).isEqualTo(5_000);
    assertThat(lock.held()).isFalse();
  }
}
