package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.MeasureExtras;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.api.measure.VectorFields;
import dev.cocovisor.api.measure.VectorResult;
import dev.cocovisor.api.measure.VectorTables;
import dev.cocovisor.api.measure.igvm.IgvmFile;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Measures SNP guests that are launched from an IGVM file: mode {@code igvm:snp}. */
public final class IgvmSnpMeasurer implements LaunchMeasurer {
  /** Creates the measurer; it has no state. */
  public IgvmSnpMeasurer() {}

  @Override
  public List<String> modes() {
    return List.of("igvm:snp");
  }

  @Override
  public Map<String, String> options(String mode) {
    Map<String, String> o = new LinkedHashMap<>();
    o.put("igvm", "IGVM file");
    o.put("vmm-type", "who loads it: any (default), or QEMU for what QEMU with KVM does");
    o.put("zero-pages", "pages without data: normal (default), or native as QEMU gives them");
    o.put("igvm-id-block", "the file's own id block: check (default) or ignore");
    IdBlockRequest.describe(o);
    return o;
  }

  @Override
  public MeasureExtras extras(String mode, Map<String, String> options, byte[] measurement) {
    return IdBlockRequest.of(options, measurement);
  }

  @Override
  public String mainInput(String mode) {
    return "igvm";
  }

  @Override
  public boolean appliesTo(String mode, Path input) {
    return IgvmFile.read(input).mask(IgvmLaunch.PLATFORM) != 0;
  }

  @Override
  public byte[] measure(String mode, Map<String, String> options, StepSink steps) {
    String file = options.get("igvm");
    if (file == null) {
      throw new MeasureException("--igvm is missing");
    }
    return new IgvmLaunch(
            IgvmFile.read(Path.of(file)),
            rules(options.get("vmm-type"), options.get("zero-pages"), options.get("igvm-id-block")),
            steps)
        .run();
  }

  private static IgvmLaunch.Rules rules(
      @Nullable String vmm, @Nullable String zeroPages, @Nullable String idBlock) {
    boolean kvm = choice("--vmm-type", vmm, "any", "QEMU");
    return new IgvmLaunch.Rules(
        zeroPages == null ? kvm : choice("--zero-pages", zeroPages, "normal", "native"),
        kvm,
        !choice("--igvm-id-block", idBlock, "check", "ignore"));
  }

  /** Tells whether the second of two words was chosen; none is the first. */
  private static boolean choice(String option, @Nullable String word, String first, String second) {
    if (word == null || word.equalsIgnoreCase(first)) {
      return false;
    }
    if (word.equalsIgnoreCase(second)) {
      return true;
    }
    throw new MeasureException("%s is %s or %s, not '%s'".formatted(option, first, second, word));
  }

  @Override
  public boolean understands(String kind) {
    return kind.equals("igvm-snp");
  }

  @Override
  public VectorResult check(Map<String, ?> vectorCase, Path directory) {
    VectorFields c = new VectorFields(vectorCase);
    return VectorResult.of(
        vectorCase,
        () ->
            new IgvmLaunch(
                    new IgvmFile(c.text("igvm"), c.read("igvm", directory, "igvm")),
                    rules(c.textOrNull("vmm"), c.textOrNull("zeroPages"), c.textOrNull("idBlock")),
                    StepSink.NONE)
                .run());
  }

  @Override
  public List<VectorResult> checkTables(Map<String, ?> document, Path directory) {
    VectorTables tables = new VectorTables();
    tables.files(
        new VectorFields(document),
        "igvm",
        directory,
        "layout",
        (name, v) -> VectorResult.pass(name));
    return tables.results();
  }
}
