package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VendorCommand;

/**
 * Where a command's structure lies ({@code data} of struct kvm_sev_cmd), for logs that say so: a
 * log that only names the structure's fields has it somewhere.
 *
 * <p>Each command reads it after it asked what kind of guest this is. Source: {@code
 * arch/x86/kvm/svm/sev.c}, sev_guest_init2, sev_launch_start, snp_launch_start, sev_guest_status
 * (7.3).
 */
final class CommandData {
  private static final String FIELD = "data";

  private CommandData() {}

  /** Tells whether the structure cannot be read, which is EFAULT. */
  static boolean isUnreadable(SevVm sev, VendorCommand c) {
    return c.in().has(FIELD)
        && !sev.context().copyFromUser(c.in().number(FIELD), new byte[1], 0, 1).ok();
  }

  static long fault(SevVm sev) {
    return sev.fail(Errno.EFAULT, "data of the command is not readable");
  }
}
