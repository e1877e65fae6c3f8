package dev.cocovisor.snp.kvm;

import dev.cocovisor.snp.psp.GuestPolicy;
import java.util.function.LongPredicate;

/** What KVM itself asks of a guest policy that has no bit it does not know. */
enum LaunchPolicy {
  /** Simultaneous multithreading has to be allowed, and no socket asked for. */
  SMT_AND_ANY_SOCKETS(
      policy -> (policy & GuestPolicy.SMT) != 0 && (policy & GuestPolicy.SINGLE_SOCKET) == 0),

  /** Anything: the firmware judges. */
  ANY(_ -> true);

  private final LongPredicate allows;

  LaunchPolicy(LongPredicate allows) {
    this.allows = allows;
  }

  boolean allows(long policy) {
    return allows.test(policy);
  }
}
