package dev.cocovisor.api.kernel;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apiguardian.api.API;

/**
 * A release of Linux, in the order of their numbers.
 *
 * @param major as in 7.3: 7
 * @param minor as in 7.3: 3
 * @since 0.3
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.3")
public record KernelVersion(int major, int minor) implements Comparable<KernelVersion> {
  private static final Pattern FORM = Pattern.compile("(\\d{1,4})\\.(\\d{1,4})");

  /**
   * Returns the release that a text names.
   *
   * @throws IllegalArgumentException if it is not two numbers with a dot between
   */
  public static KernelVersion of(String text) {
    Matcher m = FORM.matcher(text);
    if (!m.matches()) {
      throw new IllegalArgumentException("'" + text + "': a kernel as 7.3 is expected");
    }
    return new KernelVersion(Integer.parseInt(m.group(1)), Integer.parseInt(m.group(2)));
  }

  @Override
  public int compareTo(KernelVersion other) {
    int byMajor = Integer.compare(major, other.major);
    return byMajor != 0 ? byMajor : Integer.compare(minor, other.minor);
  }

  @Override
  public String toString() {
    return major + "." + minor;
  }
}
