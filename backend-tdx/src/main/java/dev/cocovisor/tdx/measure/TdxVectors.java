package dev.cocovisor.tdx.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.MalformedVector;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.api.measure.VectorFields;
import dev.cocovisor.api.measure.VectorResult;
import dev.cocovisor.api.measure.VectorTables;
import dev.cocovisor.tdx.module.td.Mrtd;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Checks vector files of kind {@code tdx}. */
final class TdxVectors {
  private TdxVectors() {}

  static VectorResult check(Map<String, ?> vectorCase, Path directory) {
    VectorFields c = new VectorFields(vectorCase);
    long[] calls = new long[2]; // adds, extends
    VectorResult result =
        VectorResult.of(
            vectorCase, () -> c.has("ops") ? ops(c, calls) : image(c, directory, calls));
    if (result.passed() && c.has("adds") && c.has("extends")) {
      return VectorResult.equal(
          result.name(),
          "%s adds, %s extends".formatted(c.map().get("adds"), c.map().get("extends")),
          "%d adds, %d extends".formatted(calls[0], calls[1]));
    }
    return result;
  }

  private static byte[] image(VectorFields c, Path directory, long[] calls) {
    BuildOrder order = BuildOrder.of(c.text("order"));
    Loader loader = c.has("vmm") ? Loader.of(c.text("vmm")) : Loader.ANY;
    FirmwareImage image = new FirmwareImage(c.text("image"), c.read("image", directory, "images"));
    TdBuild build = new TdBuild(new Tdvf(image, loader), StepSink.NONE);
    byte[] mrtd = build.run(order);
    calls[0] = build.adds();
    calls[1] = build.extendCalls();
    return mrtd;
  }

  private static byte[] ops(VectorFields c, long[] calls) {
    Mrtd mrtd = new Mrtd();
    for (VectorFields op : c.objects("ops")) {
      switch (op.text("op")) {
        case "add" -> {
          mrtd.pageAdd(op.hex("gpa"));
          calls[0]++;
        }
        case "extend" -> {
          mrtd.extend(op.hex("gpa"), op.content("data", Mrtd.CHUNK), 0);
          calls[1]++;
        }
        default -> throw new MalformedVector("unknown op " + op.text("op"));
      }
    }
    return mrtd.value();
  }

  static List<VectorResult> checkTables(Map<String, ?> document, Path directory) {
    VectorFields d = new VectorFields(document);
    VectorTables tables = new VectorTables();
    tables.files(
        d,
        "images",
        directory,
        "sections",
        (name, v) -> sections(name, v, directory.resolve("images")));
    return tables.results();
  }

  private static VectorResult sections(String name, VectorFields v, Path folder) {
    StringBuilder expected = new StringBuilder();
    for (VectorFields s : v.objects("sections")) {
      line(
          expected,
          s.hex("dataOffset"),
          s.hex("rawSize"),
          s.hex("gpa"),
          s.hex("memSize"),
          s.hex("type"),
          s.hex("attributes"));
    }
    StringBuilder got = new StringBuilder();
    Tdvf tdvf = new Tdvf(new FirmwareImage(name, VectorFields.read(name, folder)), Loader.ANY);
    for (Tdvf.Section s : tdvf.sections()) {
      line(got, s.dataOffset(), s.dataSize(), s.gpa(), s.memorySize(), s.type(), s.attributes());
    }
    return VectorResult.equal(name + " sections", expected.toString(), got.toString());
  }

  private static void line(StringBuilder out, long... numbers) {
    for (long n : numbers) {
      out.append(Long.toHexString(n)).append(' ');
    }
    out.append('\n');
  }
}
