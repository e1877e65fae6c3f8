package dev.cocovisor.explore;

import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.vm.Vm;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A trial on one host: what is looked at there after each step, at rest, and when everything is
 * closed. Nothing may be left then but what the host had when it booted.
 */
public abstract class HostTrial implements Trial {
  private final Kvm host;
  private @Nullable String dead;
  private @Nullable String warned;

  /** Looks at a host, which is closed at the end of the run. */
  protected HostTrial(Kvm host) {
    this.host = host;
  }

  /** Returns the host. */
  protected final Kvm host() {
    return host;
  }

  /** Does what comes after the actors, and tells whether there was anything; by default nothing. */
  protected boolean afterwards() {
    return false;
  }

  @Override
  public final void checkAlways(Consumer<String> violation) {
    host.checkAlways(violation);
  }

  @Override
  public final void checkAtRest(Consumer<String> violation) {
    host.checkInvariants(violation);
    if (afterwards()) {
      host.checkInvariants(violation);
    }
    for (Vm vm : host.vms()) {
      dead = dead == null ? vm.bugText() : dead;
    }
    warned = host.warned();
    host.close();
    long left = host.framesSinceBoot();
    if (left != 0) {
      violation.accept(left + " frames are left when everything is closed");
    }
  }

  @Override
  public final @Nullable String dead() {
    return dead;
  }

  @Override
  public final @Nullable String warned() {
    return warned;
  }
}
