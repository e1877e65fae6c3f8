package dev.cocovisor.live.kvm;

/** There is no KVM here that could be asked; the message says why and how to mend it. */
public final class NoKvmException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  NoKvmException(String message) {
    super(message);
  }
}
