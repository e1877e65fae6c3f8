package dev.cocovisor.explore;

import dev.cocovisor.api.view.Strip;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** One host and the parts that are to act on it at the same time; used for one execution. */
public interface Trial extends AutoCloseable {
  /**
   * One who acts: calls that follow each other.
   *
   * @param name as reports call it: {@code vcpu 1}
   * @param calls what it does, in order
   */
  record Part(String name, List<Call> calls) {
    /** Keeps a copy of the calls. */
    public Part {
      calls = List.copyOf(calls);
    }
  }

  /**
   * One whole call of a part.
   *
   * @param text what it does, as a scenario's line
   * @param body does it and returns its answer as text
   * @param allowed answers that are right though no order of whole calls gives them: EAGAIN of a
   *     call that met another half done
   */
  record Call(String text, Supplier<String> body, Set<String> allowed) {
    /** A call whose answers are those of some order of whole calls. */
    public Call(String text, Supplier<String> body) {
      this(text, body, Set.of());
    }
  }

  /** Returns the parts, the same number and names in each trial of a subject. */
  List<Part> parts();

  /**
   * Reports what must not be, at a moment when every part stands at a schedule point: locks may be
   * held and operations be half done.
   */
  void checkAlways(Consumer<String> violation);

  /** Reports what must not be once every part has come to its end. */
  void checkAtRest(Consumer<String> violation);

  /**
   * Returns what the world looks like at the end as far as answers do not tell, as text; called
   * after {@link #checkAtRest}.
   */
  default String ending() {
    return "";
  }

  /** Returns what the tables of the host say now; nothing where it cannot be looked at. */
  default List<Strip> look() {
    return List.of();
  }

  /**
   * Returns why a VM was declared dead (KVM_BUG_ON), or null if none was; called after {@link
   * #checkAtRest}.
   */
  default @Nullable String dead() {
    return null;
  }

  /**
   * Returns what the kernel warned of, failures that no answer could tell, or null; called after
   * {@link #checkAtRest}.
   */
  default @Nullable String warned() {
    return null;
  }

  /** Ends the host. */
  @Override
  void close();
}
