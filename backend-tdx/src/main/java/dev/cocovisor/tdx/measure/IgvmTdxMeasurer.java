package dev.cocovisor.tdx.measure;

import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.api.measure.VectorFields;
import dev.cocovisor.api.measure.VectorResult;
import dev.cocovisor.api.measure.igvm.IgvmFile;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Measures TDs that are launched from an IGVM file: mode {@code igvm:tdx}. */
public final class IgvmTdxMeasurer implements LaunchMeasurer {
  /** Creates the measurer; it has no state. */
  public IgvmTdxMeasurer() {}

  @Override
  public List<String> modes() {
    return List.of("igvm:tdx");
  }

  @Override
  public Map<String, String> options(String mode) {
    return Map.of("igvm", "IGVM file");
  }

  @Override
  public String mainInput(String mode) {
    return "igvm";
  }

  @Override
  public boolean appliesTo(String mode, Path input) {
    return IgvmFile.read(input).mask(IgvmBuild.PLATFORM) != 0;
  }

  @Override
  public byte[] measure(String mode, Map<String, String> options, StepSink steps) {
    String file = options.get("igvm");
    if (file == null) {
      throw new MeasureException("--igvm is missing");
    }
    return new IgvmBuild(IgvmFile.read(Path.of(file)), steps).run();
  }

  @Override
  public boolean understands(String kind) {
    return kind.equals("igvm-tdx");
  }

  @Override
  public VectorResult check(Map<String, ?> vectorCase, Path directory) {
    VectorFields c = new VectorFields(vectorCase);
    return VectorResult.of(
        vectorCase,
        () ->
            new IgvmBuild(
                    new IgvmFile(c.text("igvm"), c.read("igvm", directory, "igvm")), StepSink.NONE)
                .run());
  }
}
