package dev.cocovisor.core;

import dev.cocovisor.api.sched.Abandoned;

/**
 * A vendor's code threw where it should have answered: a mistake of the backend, not of whoever
 * made the call. Thrown once, by whoever called the code; the VM it belongs to is not to be used
 * any more.
 */
public final class VendorFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String backend;
  private final String hook;

  private VendorFailure(String backend, String hook, Throwable cause) {
    super("backend " + backend + ", " + hook + ": " + cause, cause);
    this.backend = backend;
    this.hook = hook;
  }

  /**
   * Returns what to throw for something that left a vendor's code.
   *
   * @param backend the backend's id
   * @param hook the kernel's name of the hook, or createPlatform
   * @throws Abandoned the cause itself, where an explored run was abandoned inside the hook
   */
  static RuntimeException of(String backend, String hook, Throwable cause) {
    if (cause instanceof Abandoned a) {
      throw a;
    }
    return cause instanceof VendorFailure f ? f : new VendorFailure(backend, hook, cause);
  }

  /** Returns the backend's id. */
  public String backend() {
    return backend;
  }

  /** Returns the kernel's name of the hook, {@code createPlatform}, or another entry of the api. */
  public String hook() {
    return hook;
  }
}
