package dev.cocovisor.core.kernel;

import dev.cocovisor.api.Errno;
import java.util.function.Supplier;

/** When a slot takes its range of a guest_memfd: before the architecture judges it, or after. */
public enum BindOrder {
  /** The file first; what the architecture refuses then is unbound again. */
  FILE_FIRST {
    @Override
    public Errno run(Supplier<Errno> bind, Runnable unbind, Supplier<Errno> prepare) {
      Errno r = bind.get();
      if (!r.ok()) {
        return r;
      }
      r = prepare.get();
      if (!r.ok()) {
        unbind.run();
      }
      return r;
    }
  },

  /** The architecture first: two steps, the file's checks and the file's binding. */
  ARCHITECTURE_FIRST {
    @Override
    public Errno run(Supplier<Errno> bind, Runnable unbind, Supplier<Errno> prepare) {
      Errno r = prepare.get();
      return r.ok() ? bind.get() : r;
    }
  };

  /** Runs both; nothing is bound unless all is well. */
  public abstract Errno run(Supplier<Errno> bind, Runnable unbind, Supplier<Errno> prepare);
}
