package dev.cocovisor.cca.measure;

import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.api.measure.VectorResult;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Measures realms: mode {@code cca}, the RIM of RMM 1.0. */
public final class CcaMeasurer implements LaunchMeasurer {
  private static final String CCA = "cca";

  /** Creates the measurer; ServiceLoader does. */
  public CcaMeasurer() {}

  @Override
  public List<String> modes() {
    return List.of(CCA);
  }

  @Override
  public Map<String, String> options(String mode) {
    Map<String, String> o = new TreeMap<>(RealmSettings.KEYS);
    o.put("steps", "step file: the RMI calls that build the realm");
    return o;
  }

  @Override
  public String mainInput(String mode) {
    return "steps";
  }

  @Override
  public byte[] measure(String mode, Map<String, String> options, StepSink steps) {
    String file = options.get("steps");
    if (file == null) {
      throw new MeasureException("--steps is missing");
    }
    Map<String, String> realm = new TreeMap<>(options);
    realm.keySet().retainAll(RealmSettings.KEYS.keySet());
    return new StepFile(Path.of(file)).run(realm, steps);
  }

  @Override
  public boolean understands(String kind) {
    return kind.equals(CCA);
  }

  @Override
  public VectorResult check(Map<String, ?> vectorCase, Path directory) {
    return CcaVectors.check(vectorCase);
  }
}
