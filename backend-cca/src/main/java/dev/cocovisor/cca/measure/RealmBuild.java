package dev.cocovisor.cca.measure;

import dev.cocovisor.api.measure.MeasureStep;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.cca.rmm.measure.HashAlgorithm;
import dev.cocovisor.cca.rmm.measure.Rim;
import java.util.Arrays;
import java.util.HexFormat;

/** The build of a realm, call by call, taken into a RIM. */
// DEN0137 1.0, "Realm Initial Measurement": which calls extend it and by what.
final class RealmBuild {
  private static final HexFormat HEX = HexFormat.of();

  private final Rim rim;
  private final StepSink steps;

  /** Begins with RMI_REALM_CREATE. */
  RealmBuild(RealmSettings realm, StepSink steps) {
    this.rim = new Rim(realm.hash());
    this.steps = steps;
    rim.realmCreate(
        realm.flags(),
        realm.s2sz(),
        realm.sveVl(),
        realm.numBps(),
        realm.numWps(),
        realm.pmuNumCtrs());
    step("REALM", -1, steps.wanted() ? realm.text() : "", "");
  }

  /** Returns the algorithm pages are hashed with. */
  HashAlgorithm algorithm() {
    return rim.algorithm();
  }

  /** Returns the RIM so far: 32 or 64 bytes. */
  byte[] value() {
    return rim.value();
  }

  /**
   * RMI_RTT_INIT_RIPAS over a range, one extension a table entry.
   *
   * @param block bytes an entry covers
   */
  void initRipas(long base, long top, long block) {
    for (long at = base; at < top; at += block) {
      rim.initRipas(at, at + block);
      step("RIPAS", at, steps.wanted() ? "RAM to 0x%x".formatted(at + block) : "", "");
    }
  }

  /** RMI_DATA_CREATE of a page whose content is measured, hashed by {@link Rim#contentHash}. */
  void data(long ipa, byte[] contentHash, String origin) {
    rim.dataCreateHashed(ipa, contentHash);
    step("DATA", ipa, origin, steps.wanted() ? HEX.formatHex(contentHash) : "");
  }

  /** RMI_DATA_CREATE of a page whose address alone is measured. */
  void unmeasuredData(long ipa, String origin) {
    rim.dataCreate(ipa, false, new byte[0]);
    step("DATA", ipa, origin, "");
  }

  /** RMI_REC_CREATE; one that is not runnable changes nothing. */
  void rec(long flags, long pc, long[] gprs) {
    if ((flags & 1) == 0) {
      return;
    }
    rim.recCreate(flags, pc, gprs);
    if (steps.wanted()) {
      String registers =
          String.join(", ", Arrays.stream(gprs).mapToObj(x -> "0x" + Long.toHexString(x)).toList());
      step("REC", -1, "flags 0x%x, pc 0x%x, gprs %s".formatted(flags, pc, registers), "");
    }
  }

  private void step(String type, long ipa, String origin, String content) {
    if (steps.wanted()) {
      steps.step(
          MeasureStep.at(type, ipa)
              .withOrigin(origin)
              .withContentHash(content)
              .withRunning(rim.hex()));
    }
  }
}
