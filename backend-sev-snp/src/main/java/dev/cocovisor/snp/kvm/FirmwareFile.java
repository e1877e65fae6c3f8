package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VmContext;

/**
 * The open file of /dev/sev through which KVM reaches the firmware: what {@code sev_fd} of a
 * command names, or what LAUNCH_START and RECEIVE_START left for the commands after it.
 *
 * <p>KVM keeps a number, not a file: closed, or given to another file, it is EBADF from then on. A
 * command without {@code sev_fd} is taken for one whose VMM has the file open. Source: {@code
 * arch/x86/kvm/svm/sev.c}, __sev_issue_cmd, sev_issue_cmd; {@code drivers/crypto/ccp/sev-dev.c},
 * sev_issue_cmd_external_user (7.3).
 */
final class FirmwareFile {
  /** The device file. */
  static final String PATH = "/dev/sev";

  private static final String FIELD = "sev_fd";

  /** No number: nothing was started, or another VM took the context over. */
  static final long NONE = -1;

  /** The VMM has the file, and the log does not say where. */
  private static final long SOMEWHERE = -2;

  private FirmwareFile() {}

  /** Returns the descriptor that a command names. */
  static long of(Fields in) {
    return in.number(FIELD, SOMEWHERE);
  }

  /** Tells whether a descriptor is one of /dev/sev now. */
  static boolean isOpen(VmContext vm, long fd) {
    return fd == SOMEWHERE || (fd != NONE && PATH.equals(vm.deviceOf(fd)));
  }
}
