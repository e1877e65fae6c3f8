package dev.cocovisor.tdx.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.api.measure.VectorResult;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Measures TDs: mode {@code tdx}, the MRTD. */
public final class TdxMeasurer implements LaunchMeasurer {
  private static final String TDX = "tdx";

  /** Creates the measurer; it has no state. */
  public TdxMeasurer() {}

  @Override
  public List<String> modes() {
    return List.of(TDX);
  }

  @Override
  public Map<String, String> options(String mode) {
    Map<String, String> o = new LinkedHashMap<>();
    o.put("ovmf", "firmware image with TDX metadata, not split into code and variables");
    o.put("vmm-type", "who builds the TD: QEMU (default), or any for sections QEMU refuses");
    o.put("order", "single (default), two-pass or two-pass-global");
    return o;
  }

  @Override
  public String mainInput(String mode) {
    return "ovmf";
  }

  @Override
  public byte[] measure(String mode, Map<String, String> options, StepSink steps) {
    String file = options.get("ovmf");
    if (file == null) {
      throw new MeasureException("--ovmf is missing");
    }
    Loader loader = Loader.of(options.getOrDefault("vmm-type", "QEMU"));
    BuildOrder order = BuildOrder.of(options.getOrDefault("order", "single"));
    return new TdBuild(new Tdvf(FirmwareImage.read(Path.of(file)), loader), steps).run(order);
  }

  @Override
  public boolean understands(String kind) {
    return kind.equals(TDX);
  }

  @Override
  public VectorResult check(Map<String, ?> vectorCase, Path directory) {
    return TdxVectors.check(vectorCase, directory);
  }

  @Override
  public List<VectorResult> checkTables(Map<String, ?> document, Path directory) {
    return TdxVectors.checkTables(document, directory);
  }
}
