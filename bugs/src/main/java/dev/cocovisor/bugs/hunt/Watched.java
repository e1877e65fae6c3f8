package dev.cocovisor.bugs.hunt;

import dev.cocovisor.core.Kvm;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.explore.Trial;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A subject whose hosts are ended at rest, to see that all memory comes back. */
record Watched(Subject inner, Hosts hosts) implements Subject {
  @Override
  public String name() {
    return inner.name();
  }

  @Override
  public Trial newTrial() {
    Trial trial = inner.newTrial();
    return new Ended(trial, hosts.take());
  }

  private record Ended(Trial inner, @Nullable Kvm host) implements Trial {
    @Override
    public List<Part> parts() {
      return inner.parts();
    }

    @Override
    public void checkAlways(Consumer<String> violation) {
      inner.checkAlways(violation);
    }

    @Override
    public void checkAtRest(Consumer<String> violation) {
      inner.checkAtRest(violation);
      if (host != null) {
        Hosts.end(host, violation);
      }
    }

    @Override
    public String ending() {
      return inner.ending();
    }

    @Override
    public void close() {
      inner.close();
    }
  }
}
