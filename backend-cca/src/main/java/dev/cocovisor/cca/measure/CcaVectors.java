package dev.cocovisor.cca.measure;

import dev.cocovisor.api.measure.MalformedVector;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.api.measure.VectorFields;
import dev.cocovisor.api.measure.VectorResult;
import dev.cocovisor.api.measure.VectorTables;
import dev.cocovisor.cca.rmm.measure.HashAlgorithm;
import dev.cocovisor.cca.rmm.measure.Rim;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** Checks vector files of kind {@code cca}: the RIM after every call, not only the last. */
final class CcaVectors {
  private CcaVectors() {}

  static VectorResult check(Map<String, ?> vectorCase) {
    VectorFields c = new VectorFields(vectorCase);
    StringBuilder firstDifference = new StringBuilder();
    VectorResult result = VectorResult.of(vectorCase, () -> rim(c, firstDifference));
    return firstDifference.isEmpty()
        ? result
        : VectorResult.fail(result.name(), firstDifference.toString());
  }

  private static byte[] rim(VectorFields c, StringBuilder firstDifference) {
    List<VectorFields> steps = c.objects("steps");
    if (steps.isEmpty() || !steps.getFirst().text("op").equals("REALM_CREATE")) {
      throw new MalformedVector("the first step is not REALM_CREATE");
    }
    RealmBuild build = new RealmBuild(settings(c.object("params")), StepSink.NONE);
    for (int i = 0; i < steps.size(); i++) {
      VectorFields step = steps.get(i);
      if (i > 0) {
        call(step, build);
      }
      String got = HexFormat.of().formatHex(build.value());
      if (step.has("rim") && !step.text("rim").equals(got) && firstDifference.isEmpty()) {
        firstDifference.append(
            "step %d %s: expected %s, got %s".formatted(i, step.text("op"), step.text("rim"), got));
      }
    }
    return build.value();
  }

  private static RealmSettings settings(VectorFields p) {
    int hash = p.count("hashAlgo");
    if (!HashAlgorithm.isValid(hash)) {
      throw new MeasureException("hashAlgo is " + hash + ", not 0 (SHA-256) or 1 (SHA-512)");
    }
    return new RealmSettings(
        p.hex("flags"),
        p.count("s2sz"),
        p.count("sveVl"),
        p.count("numBps"),
        p.count("numWps"),
        p.count("pmuNumCtrs"),
        HashAlgorithm.of(hash));
  }

  private static void call(VectorFields step, RealmBuild build) {
    switch (step.text("op")) {
      case "INIT_RIPAS" -> {
        long block = step.hex("block");
        if (Long.bitCount(block) != 1 || block < Rim.PAGE) {
          throw new MalformedVector("\"block\" is not a table entry's size");
        }
        build.initRipas(step.hex("base"), step.hex("top"), block);
      }
      case "DATA_CREATE" -> dataCreate(step, build);
      case "DATA_CREATE_UNKNOWN" -> {
        // Content the RMM does not take from the host is not measured.
      }
      case "REC_CREATE" ->
          build.rec(step.hex("flags"), step.hex("pc"), Arrays.copyOf(step.hexes("gprs"), 8));
      default -> throw new MalformedVector("unknown op " + step.text("op"));
    }
  }

  private static void dataCreate(VectorFields step, RealmBuild build) {
    byte[] page = step.content("content", Rim.PAGE);
    if (step.has("contentSha256")
        && !step.text("contentSha256").equals(VectorTables.hash("SHA-256", page))) {
      throw new MalformedVector("\"contentSha256\" is not that of \"content\"");
    }
    if ((step.hex("flags") & 1) != 0) {
      build.data(step.hex("ipa"), Rim.contentHash(build.algorithm(), page), "");
    } else {
      build.unmeasuredData(step.hex("ipa"), "");
    }
  }
}
