package dev.cocovisor.live.kvm;

/** A call that is not made here: this kernel, processor or stub has no way to. */
final class Unsupported extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Says in a few words what it was. */
  Unsupported(String what) {
    super(what, null, false, false);
  }
}
