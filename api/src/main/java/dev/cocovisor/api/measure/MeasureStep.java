package dev.cocovisor.api.measure;

import org.apiguardian.api.API;

/**
 * One page or block that entered a measurement.
 *
 * @param type what it is, by the name the technology's documents use: {@code NORMAL}, {@code VMSA},
 *     {@code MEM.PAGE.ADD}, {@code DATA}, …
 * @param gpa guest-physical address in bytes; -1 where the step has none
 * @param origin where it comes from in words: the place in the image, the section, the vCPU with
 *     the registers that differ between guests; compared when two measurements part
 * @param contentHash hash of its content in hex; empty where the content is not measured
 * @param running the measurement after the step in hex; empty where it cannot be read
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record MeasureStep(
    String type, long gpa, String origin, String contentHash, String running) {
  /** Takes the parts by their place, which may become more: build one by {@link #at} instead. */
  @API(status = API.Status.INTERNAL, since = "0.2")
  public MeasureStep {}

  /** Starts with what it is and its guest-physical address in bytes, -1 where it has none. */
  public static MeasureStep at(String type, long gpa) {
    return new MeasureStep(type, gpa, "", "", "");
  }

  /** Returns a copy that says in words where it comes from. */
  public MeasureStep withOrigin(String words) {
    return new MeasureStep(type, gpa, words, contentHash, running);
  }

  /** Returns a copy with the hash of its content in hex. */
  public MeasureStep withContentHash(String hex) {
    return new MeasureStep(type, gpa, origin, hex, running);
  }

  /** Returns a copy with the measurement after the step in hex. */
  public MeasureStep withRunning(String hex) {
    return new MeasureStep(type, gpa, origin, contentHash, hex);
  }
}
