package dev.cocovisor.junit;

import dev.cocovisor.api.KvmException;
import dev.cocovisor.explore.Trial;
import dev.cocovisor.vmm.checked.GuestStopped;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Supplier;

/** Those who act at the same time in a test with {@link Explore}. */
public final class Actors {
  private final Map<String, List<Trial.Call>> calls = new LinkedHashMap<>();
  private final List<Runnable> afterwards = new ArrayList<>();

  Actors() {}

  /** Something an actor does; where it answers nothing, that it ended is its answer. */
  @FunctionalInterface
  public interface Deed {
    /** Does it. */
    void run() throws Exception;
  }

  /**
   * Lets an actor do something after all it was told to do before.
   *
   * @param name the actor's, as the failure's lanes call it
   * @param what what it does, in a few words
   */
  public Actors does(String name, String what, Deed deed) {
    return asks(
        name,
        what,
        () -> {
          deed.run();
          return "done";
        });
  }

  /**
   * As {@link #does}, with an answer. A call that is refused or a guest that stops answers so; any
   * other exception fails the test.
   *
   * @param also answers that are right though no order of whole calls gives them
   */
  public Actors asks(String name, String what, Callable<?> question, String... also) {
    Supplier<String> body =
        () -> {
          try {
            return String.valueOf(question.call());
          } catch (KvmException | GuestStopped e) {
            return String.valueOf(e.getMessage());
          } catch (RuntimeException e) {
            throw e;
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        };
    calls
        .computeIfAbsent(name, _ -> new ArrayList<>())
        .add(new Trial.Call(what, body, Set.of(also)));
    return this;
  }

  /**
   * Has something checked when all actors have come to their end; it throws if it does not hold.
   */
  public Actors afterwards(Runnable check) {
    afterwards.add(check);
    return this;
  }

  List<Trial.Part> parts() {
    return calls.entrySet().stream().map(e -> new Trial.Part(e.getKey(), e.getValue())).toList();
  }

  void check() {
    afterwards.forEach(Runnable::run);
  }
}
