package dev.cocovisor.tdx.module;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.pamt.PamtLocks;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Several threads in the module at once: nobody is alone beside a sharer, and nothing gets lost.
 */
class ConcurrencyTest {
  private static final int THREADS = 4;
  private static final int ROUNDS = 20_000;
  private static final long GPA = 0x40000000L;
  private static final long TDR = Bench.TDR;

  private static void together(java.util.function.IntConsumer work) {
    List<Thread> threads = new ArrayList<>();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    for (int i = 0; i < THREADS; i++) {
      int me = i;
      threads.add(
          Thread.ofPlatform()
              .uncaughtExceptionHandler((t, e) -> failure.compareAndSet(null, e))
              .start(() -> work.accept(me)));
    }
    for (Thread t : threads) {
      try {
        t.join();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
    assertThat(failure.get()).isNull();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void anEntryIsNeverHadAloneWhileItIsShared(int size) {
    Bench b = Bench.initialized(true);
    AtomicInteger sharing = new AtomicInteger();
    AtomicInteger alone = new AtomicInteger();
    AtomicInteger broken = new AtomicInteger();
    together(me -> {
      PamtLocks locks = new PamtLocks();
      for (int i = 0; i < ROUNDS; i++) {
        boolean exclusive = (i * 31 + me * 7) % 5 == 0;
        if (exclusive ? locks.lock(b.pamt, size, TDR, true) : shareThenAlone(locks, b, size, i)) {
          int others = alone.incrementAndGet() - 1 + sharing.get();
          broken.addAndGet(others == 0 ? 0 : 1);
          alone.decrementAndGet();
        } else if (locks.lock(b.pamt, size, TDR, false)) {
          sharing.incrementAndGet();
          broken.addAndGet(alone.get() == 0 ? 0 : 1);
          sharing.decrementAndGet();
        }
        locks.releaseAll();
      }
    });
    assertThat(broken).hasValue(0);
    PamtLocks last = new PamtLocks();
    assertThat(last.lock(b.pamt, size, TDR, true)).isTrue();
  }

  /** Now and then shares the entry and turns that into an exclusive hold. */
  private static boolean shareThenAlone(PamtLocks locks, Bench b, int size, int round) {
    if (round % 7 != 0 || !locks.lock(b.pamt, size, TDR, false)) {
      return false;
    }
    if (locks.upgradeNewest(b.pamt, size, TDR)) {
      return true;
    }
    locks.releaseAll();
    return false;
  }

  @Test
  void pagesAddedByManyProcessorsAreAllThere() {
    Bench b = Bench.runnable(true);
    for (int i = 0; i < THREADS; i++) {
      b.tables(GPA + i * (2L << 20), 0);
    }
    long before = b.td().children();
    long first = b.huge();
    AtomicInteger busy = new AtomicInteger();
    together(me -> {
      SeamCalls calls = new SeamCalls(b.module, me);
      for (int i = 0; i < 128; i++) {
        long hpa = first + (i * THREADS + me) * 4096L;
        long s = calls.memPageAug(TDR, GPA + me * (2L << 20) + i * 4096L, 0, hpa);
        if (s != 0) {
          busy.incrementAndGet();
        }
      }
    });
    assertThat(busy).hasValue(0);
    b.check();
    assertThat(b.td().children()).isEqualTo(before + THREADS * 128);
    assertThat(b.pamt.used4k(first)).isEqualTo(THREADS * 128);
  }

  @Test
  void addingAgainstBlockingEitherSucceedsOrIsBusy() {
    Bench b = Bench.runnable(true);
    for (int i = 0; i < THREADS; i++) {
      b.tables(GPA + i * (2L << 20), 0);
    }
    long first = b.huge();
    AtomicInteger odd = new AtomicInteger();
    together(me -> {
      SeamCalls calls = new SeamCalls(b.module, me);
      long gpa = GPA + me * (2L << 20);
      for (int i = 0; i < 2000; i++) {
        long hpa = first + me * 4096L;
        boolean ok =
            until(() -> calls.memPageAug(TDR, gpa, 0, hpa))
                && until(() -> calls.memRangeBlock(TDR, gpa, 0))
                && until(() -> calls.memTrack(TDR))
                && until(() -> calls.memPageRemove(TDR, gpa, 0));
        odd.addAndGet(ok ? 0 : 1);
      }
    });
    assertThat(odd).hasValue(0);
    b.check();
    assertThat(b.pamt.used4k(first)).isZero();
  }

  private static boolean until(java.util.function.LongSupplier call) {
    long s = call.getAsLong();
    while (SeamStatus.OPERAND_BUSY.is(s)) {
      Thread.onSpinWait();
      s = call.getAsLong();
    }
    return s == 0;
  }
}
