package sample;

import java.util.Collection;
import org.pitest.bytecode.analysis.ClassTree;
import org.pitest.mutationtest.build.InterceptorParameters;
import org.pitest.mutationtest.build.InterceptorType;
import org.pitest.mutationtest.build.MutationInterceptor;
import org.pitest.mutationtest.build.MutationInterceptorFactory;
import org.pitest.mutationtest.engine.Mutater;
import org.pitest.mutationtest.engine.MutationDetails;
import org.pitest.plugin.Feature;
import org.pitest.plugin.FeatureParameter;

/**
 * Draws mutants for PIT: {@code +SAMPLE(every[16] seed[1])} keeps about one in sixteen of all.
 *
 * <p>Whether a mutant is drawn depends on itself and the seed alone, so that a class with many is
 * drawn from as often as it has some, and that a run of a part, or after a change elsewhere, draws
 * the same.
 */
public final class Sample implements MutationInterceptorFactory {
  private static final FeatureParameter EVERY =
      FeatureParameter.named("every").withDescription("one of how many");

  private static final FeatureParameter SEED =
      FeatureParameter.named("seed").withDescription("of the draw");

  /** Made by PIT. */
  public Sample() {}

  @Override
  public String description() {
    return "Seeded sample of all mutants";
  }

  @Override
  public Feature provides() {
    return Feature.named("sample")
        .withOnByDefault(false)
        .withDescription(description())
        .withParameter(EVERY)
        .withParameter(SEED);
  }

  @Override
  public MutationInterceptor createInterceptor(InterceptorParameters params) {
    int every = params.getInteger(EVERY).orElse(1);
    int seed = params.getInteger(SEED).orElse(1);
    return new MutationInterceptor() {
      @Override
      public InterceptorType type() {
        return InterceptorType.FILTER;
      }

      @Override
      public void begin(ClassTree clazz) {}

      @Override
      public Collection<MutationDetails> intercept(
          Collection<MutationDetails> mutants, Mutater engine) {
        return mutants.stream().filter(m -> drawn(m, every, seed)).toList();
      }

      @Override
      public void end() {}
    };
  }

  private static boolean drawn(MutationDetails mutant, int every, int seed) {
    long h = seed * 0x9e3779b97f4a7c15L;
    String name = mutant.getId().toString();
    for (int i = 0; i < name.length(); i++) {
      h = (h ^ name.charAt(i)) * 0x100000001b3L;
    }
    h = (h ^ (h >>> 29)) * 0xbf58476d1ce4e5b9L;
    return Long.remainderUnsigned(h ^ (h >>> 32), every) == 0;
  }
}
