package dev.cocovisor.explore;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.api.sched.Srcu;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What an execution is held to besides its own checks, each shown to find what it is for. */
class OraclesTest {
  private static final Explorer PLAIN = new Explorer(Limits.DEFAULT, false);

  private record Toy(List<Part> parts, Supplier<@Nullable String> death) implements Trial {
    @Override
    public void checkAlways(Consumer<String> violation) {}

    @Override
    public void checkAtRest(Consumer<String> violation) {}

    @Override
    public @Nullable String dead() {
      return death.get();
    }

    @Override
    public void close() {}
  }

  private static Trial.Part part(String name, Runnable call) {
    Supplier<String> body =
        () -> {
          call.run();
          return "0";
        };
    return new Trial.Part(name, List.of(new Trial.Call("call", body)));
  }

  private static Subject subject(Supplier<Trial> make) {
    return new Subject() {
      @Override
      public String name() {
        return "toy";
      }

      @Override
      public Trial newTrial() {
        return make.get();
      }
    };
  }

  private static void nested(ModelLock outer, ModelLock inner) {
    outer.lock();
    inner.lock();
    inner.unlock();
    outer.unlock();
  }

  /** With no preemption allowed nobody is ever stopped between two locks: none deadlocks. */
  private static List<Finding> uninterrupted(Supplier<Trial> make) {
    return PLAIN.explore(subject(make), new Search.Preemptions(0)).findings();
  }

  @Test
  void locksTakenInOppositeOrdersAreFoundThoughNobodyWaited() {
    List<Finding> found =
        uninterrupted(() -> {
          var a = new ModelLock("a");
          var b = new ModelLock("b");
          return new Toy(
              List.of(part("one", () -> nested(a, b)), part("two", () -> nested(b, a))),
              () -> null);
        });
    assertThat(found).hasSize(1);
    assertThat(found.getFirst().what())
        .isEqualTo("lock order: one holds a and takes b; two holds b and takes a");
  }

  @Test
  void aCircleOfThreeIsFound() {
    List<Finding> found =
        uninterrupted(() -> {
          var a = new ModelLock("a");
          var b = new ModelLock("b");
          var c = new ModelLock("c");
          return new Toy(
              List.of(
                  part("one", () -> nested(a, b)),
                  part("two", () -> nested(b, c)),
                  part("three", () -> nested(c, a))),
              () -> null);
        });
    assertThat(found.getFirst().what())
        .startsWith("lock order: ")
        .contains(
            "one holds a and takes b", "two holds b and takes c", "three holds c and takes a");
  }

  @Test
  void aLockThatKeepsTheTwoApartMakesTheOrderHarmless() {
    assertThat(
            uninterrupted(() -> {
              var gate = new ModelLock("gate");
              var a = new ModelLock("a");
              var b = new ModelLock("b");
              return new Toy(
                  List.of(
                      part("one", () -> behind(gate, a, b)), part("two", () -> behind(gate, b, a))),
                  () -> null);
            }))
        .isEmpty();
  }

  private static void behind(ModelLock gate, ModelLock outer, ModelLock inner) {
    gate.lock();
    nested(outer, inner);
    gate.unlock();
  }

  @Test
  void twoWhoOnlyShareALockDoNotWaitForEachOther() {
    assertThat(
            uninterrupted(() -> {
              var a = new ModelLock("a");
              var b = new ModelLock("b");
              Runnable two =
                  () -> {
                    b.lock();
                    a.lockShared();
                    a.unlockShared();
                    b.unlock();
                  };
              Runnable one =
                  () -> {
                    a.lockShared();
                    b.lock();
                    b.unlock();
                    a.unlockShared();
                  };
              return new Toy(List.of(part("one", one), part("two", two)), () -> null);
            }))
        .isEmpty();
  }

  @Test
  void whoWaitsForReadersUnderALockThatReadersTakeIsFound() {
    List<Finding> found =
        uninterrupted(() -> {
          var srcu = new Srcu("srcu");
          var lock = new ModelLock("lock");
          Runnable reader =
              () -> {
                int token = srcu.readLock();
                lock.lock();
                lock.unlock();
                srcu.readUnlock(token);
              };
          Runnable writer =
              () -> {
                lock.lock();
                srcu.synchronize();
                lock.unlock();
              };
          return new Toy(List.of(part("reader", reader), part("writer", writer)), () -> null);
        });
    assertThat(found.getFirst().what())
        .contains("reader holds srcu and takes lock", "writer holds lock and takes srcu");
  }

  /** Dies where the first finds what the second wrote between its two looks. */
  private static final class Frail implements Supplier<Trial> {
    @Override
    public Trial get() {
      int[] word = new int[1];
      String[] death = new String[1];
      Runnable looks =
          () -> {
            SchedulePoint.read(PointKind.TRUSTED_WORD, word, 0);
            int first = word[0];
            SchedulePoint.read(PointKind.TRUSTED_WORD, word, 0);
            death[0] = first == word[0] ? null : "the word changed";
          };
      Runnable writes =
          () -> {
            SchedulePoint.write(PointKind.TRUSTED_WORD, word, 0);
            word[0] = 1;
          };
      return new Toy(List.of(part("looks", looks), part("writes", writes)), () -> death[0]);
    }
  }

  @Test
  void aVmThatOnlyARaceKillsIsFound() {
    assertThat(uninterrupted(new Frail())).isEmpty();
    Report r = PLAIN.explore(subject(new Frail()), new Search.Preemptions(1));
    assertThat(r.findings().getFirst().what())
        .isEqualTo("a VM is declared dead, as no order of whole calls does: the word changed");
  }

  @Test
  void aVmThatDiesInOrderTooIsNone() {
    Supplier<Trial> dying =
        () -> new Toy(List.of(part("one", () -> {}), part("two", () -> {})), () -> "always");
    assertThat(PLAIN.explore(subject(dying), new Search.Preemptions(1)).findings()).isEmpty();
  }
}
