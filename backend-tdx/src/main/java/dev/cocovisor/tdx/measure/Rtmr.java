package dev.cocovisor.tdx.measure;

import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.MeasureStep;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.tdx.module.td.Mrtd;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * A run-time measurement register: 48 zero bytes when the TD starts, then replaced at each
 * extension by the SHA-384 of itself and a digest.
 */
// Intel TDX Module Base Architecture Specification, "Run-Time Measurement Registers";
// TDG.MR.RTMR.EXTEND.
final class Rtmr {
  private final StepSink steps;
  private final MessageDigest sha = sha384();
  private final byte[] value = new byte[Mrtd.SIZE];

  Rtmr(StepSink steps) {
    this.steps = steps;
  }

  /** Extends by the digest of {@code data}. */
  void measure(String event, String origin, byte[] data) {
    extend(event, origin, digest(data));
  }

  /**
   * Extends by a digest.
   *
   * @param event what kind of event it is
   * @param origin what was measured, in words
   */
  void extend(String event, String origin, byte[] digest) {
    sha.update(value);
    sha.update(digest);
    System.arraycopy(sha.digest(), 0, value, 0, value.length);
    if (steps.wanted()) {
      steps.step(
          MeasureStep.at(event, -1)
              .withOrigin(origin)
              .withContentHash(HexFormat.of().formatHex(digest))
              .withRunning(HexFormat.of().formatHex(value)));
    }
  }

  byte[] value() {
    return value.clone();
  }

  /** Returns the SHA-384 of {@code data}. */
  static byte[] digest(byte[] data) {
    return sha384().digest(data);
  }

  static MessageDigest sha384() {
    try {
      return MessageDigest.getInstance("SHA-384");
    } catch (NoSuchAlgorithmException e) {
      throw new MeasureException("this JDK has no SHA-384", e);
    }
  }
}
