package dev.cocovisor.explore;

/** Makes the strategy that a search asks for. */
final class Strategies {
  private Strategies() {}

  static Strategy of(Search s) {
    return switch (s) {
      case Search.Preemptions p -> BoundedSearch.preemptions(p.bound());
      case Search.Choices c -> BoundedSearch.preemptions(c.bound(), c.choices());
      case Search.Delays d -> BoundedSearch.delays(d.bound());
      case Search.Dpor _ -> new SourceDpor();
      case Search.Calls _ -> new Serial();
      case Search.Pct p -> new Sampling(Sampling.Kind.PCT, p.seed(), p.depth() - 1, p.runs());
      case Search.Pos p -> new Sampling(Sampling.Kind.POS, p.seed(), 0, p.runs());
      case Search.Uniform u -> new Sampling(Sampling.Kind.RANDOM, u.seed(), 0, u.runs());
      case Search.One o -> new Replayed(o.schedule());
    };
  }
}
