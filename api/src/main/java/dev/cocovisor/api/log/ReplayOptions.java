package dev.cocovisor.api.log;

import org.apiguardian.api.API;

/**
 * What to replay.
 *
 * @param program the number of the one program to replay, or -1 for all
 * @param maxMismatches stop after this many; 0 for no limit
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record ReplayOptions(int program, int maxMismatches) {
  /** Everything, without limit. */
  public static final ReplayOptions ALL = new ReplayOptions(-1, 0);
}
