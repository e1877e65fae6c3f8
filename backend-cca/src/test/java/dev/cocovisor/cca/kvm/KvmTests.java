package dev.cocovisor.cca.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;

/** Assertions that the tests of this package share. */
final class KvmTests {
  private KvmTests() {}

  static void ok(Errno errno) {
    assertThat(errno).isEqualTo(Errno.OK);
  }

  /** The run completed its access with this byte. */
  static void done(RunResult result, long value) {
    assertThat(result).isEqualTo(RunResult.ok(new Exit.Done(value)));
  }

  static VendorCommand populate(long base, long size, long source, long flags) {
    return new VendorCommand(
        "KVM_ARM_RMI_POPULATE",
        new Fields()
            .put("base", base)
            .put("size", size)
            .put("source_uaddr", source)
            .put("flags", flags));
  }

  static long x(RunResult result, int n) {
    assertThat(result.exit()).isInstanceOf(Exit.Vendor.class);
    return ((Exit.Vendor) result.exit()).fields().number("x" + n);
  }
}
