package dev.cocovisor.tck.subject;

import java.util.EnumSet;
import java.util.Set;

/**
 * What a technology promises its guests. Claims are part of who a technology is: a report begins
 * with them, and each is shown by rules or nobody may rely on it.
 *
 * <p>A backend declares them in {@code META-INF/cocovisor/ID/tck.properties}, {@code claims=…};
 * without that file it is held to all that a confidential technology has to make.
 */
public enum Claim {
  /** The host's kernel cannot read private memory in clear, nor change it unnoticed. */
  HOST_KERNEL_KEPT_OUT("the host's kernel is kept out", true),
  /** Processes of the host cannot either, its VMM included. */
  VMM_KEPT_OUT("the VMM is kept out", true),
  /** Devices cannot either. */
  DEVICES_KEPT_OUT("devices are kept out", true),
  /** No other guest reads or changes a guest's private memory, whatever the host maps for it. */
  GUESTS_KEPT_APART("guests are kept apart", true),
  /** Nobody finds in a frame what its last owner had in it. */
  NOTHING_LEFT_BEHIND("nothing is left behind", true);

  private final String says;
  private final boolean confidential;

  Claim(String says, boolean confidential) {
    this.says = says;
    this.confidential = confidential;
  }

  /** Returns the claim in words. */
  public String says() {
    return says;
  }

  /** Returns the claims that a confidential technology has to make. */
  public static Set<Claim> confidential() {
    Set<Claim> all = EnumSet.noneOf(Claim.class);
    for (Claim c : values()) {
      if (c.confidential) {
        all.add(c);
      }
    }
    return all;
  }
}
