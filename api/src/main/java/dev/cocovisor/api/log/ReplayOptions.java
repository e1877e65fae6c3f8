package dev.cocovisor.api.log;

/**
 * What to replay.
 *
 * @param program the number of the one program to replay, or -1 for all
 * @param maxMismatches stop after this many; 0 for no limit
 */
public record ReplayOptions(int program, int maxMismatches) {
  /** Everything, without limit. */
  public static final ReplayOptions ALL = new ReplayOptions(-1, 0);
}
