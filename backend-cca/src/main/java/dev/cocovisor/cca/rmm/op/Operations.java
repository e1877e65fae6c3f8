package dev.cocovisor.cca.rmm.op;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.table.PendingClaims;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The operations of one RMM that are open. A command that may stop half way reserves a place before
 * it looks at its arguments and gives it back if it runs through; the number of the place is the
 * handle, so handles are used again at once.
 */
// TF-RMM lib/sro_context/src/sro_context.c: 16 PEs with 10 contexts each.
public final class Operations implements PendingClaims {
  /** How many can be open or under way at a time. */
  public static final int PLACES = 160;

  /** Returned where no place is free. */
  public static final int NONE = -1;

  private static final Object RESERVED = new Object();

  private final AtomicReferenceArray<@Nullable Object> places = new AtomicReferenceArray<>(PLACES);
  private final AtomicInteger open = new AtomicInteger();

  private final Safeguards safeguards;

  /** Creates an RMM's operations; none is open. */
  public Operations(Safeguards safeguards) {
    this.safeguards = safeguards;
  }

  /** Returns the rules that protect what operations own. */
  public Safeguards safeguards() {
    return safeguards;
  }

  /** Tells whether an operation owns an entry. */
  public boolean isStamped(long e) {
    return safeguards.isStamped(e);
  }

  /** Reserves the first free place, or returns {@link #NONE}; then {@link #full} says why. */
  public int reserve() {
    for (int i = 0; i < PLACES; i++) {
      if (places.get(i) == null && places.compareAndSet(i, null, RESERVED)) {
        return i;
      }
    }
    return NONE;
  }

  /** Returns BLOCKED if every place has an open operation, BUSY if some are only under way. */
  public long full(Pe pe) {
    return open.get() == PLACES
        ? pe.refuse(Status.BLOCKED, "160 operations are open; one has to be finished first")
        : pe.refuse(Status.BUSY, "other PEs use the operations that are not open");
  }

  /** Gives back a place whose command ran through. */
  public void release(int place) {
    places.set(place, null);
  }

  /** Leaves what a command has begun to an operation in the place it reserved. */
  public void open(StatefulOperation operation) {
    open.incrementAndGet();
    places.set(operation.handle(), operation);
  }

  /** Finds the open operation of a handle; null if there is none. */
  public @Nullable StatefulOperation find(long handle) {
    return Long.compareUnsigned(handle, PLACES) < 0
            && places.get((int) handle) instanceof StatefulOperation operation
        ? operation
        : null;
  }

  void end(StatefulOperation operation) {
    places.set(operation.handle(), null);
    open.decrementAndGet();
  }

  /** Returns how many are open. */
  public int open() {
    return open.get();
  }

  /** Visits the open operations. */
  public void forEach(Consumer<StatefulOperation> visitor) {
    for (int i = 0; i < PLACES; i++) {
      if (places.get(i) instanceof StatefulOperation operation) {
        visitor.accept(operation);
      }
    }
  }

  @Override
  public boolean entry(long e) {
    return safeguards.createSparesStamps() && safeguards.isStamped(e);
  }

  @Override
  public boolean table(int granule) {
    if (open.get() == 0 || !safeguards.pinsTables()) {
      return false;
    }
    for (int i = 0; i < PLACES; i++) {
      if (places.get(i) instanceof StatefulOperation operation && operation.claims(granule)) {
        return true;
      }
    }
    return false;
  }
}
