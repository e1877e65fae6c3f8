package dev.cocovisor.cca.guest;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.cca.rmm.run.RsiCall;
import java.util.function.BiConsumer;
import java.util.function.Function;

/**
 * Linux in a realm: what its RSI code does at boot and when a driver shares a buffer.
 *
 * <p>It drives a vCPU through a function that is one KVM_RUN, and tells the VMM of each memory
 * fault exit, as a real guest's VMM would be told; then it goes on where the RMM says.
 */
// Linux arch/arm64/kernel/rsi.c: arm64_rsi_init, arm64_rsi_setup_memory;
// arch/arm64/mm/pageattr.c: __set_memory_enc_dec; arch/arm64/include/asm/rsi.h.
public final class LinuxRealm {
  private final Function<GuestAction, RunResult> run;
  private final BiConsumer<Exit.MemoryFault, LinuxRealm> vmm;

  /**
   * Creates a guest.
   *
   * @param run one KVM_RUN of its vCPU
   * @param vmm told of each memory fault exit; converts the range
   */
  public LinuxRealm(
      Function<GuestAction, RunResult> run, BiConsumer<Exit.MemoryFault, LinuxRealm> vmm) {
    this.run = run;
    this.vmm = vmm;
  }

  /**
   * Boots: negotiates the version, reads the configuration into a page of RAM, and makes sure that
   * all RAM is RAM, without giving up on content that was lost.
   *
   * @param configPage a page of RAM for the configuration
   * @return false if this is no realm the kernel would boot in
   */
  public boolean boot(long ramBase, long ramSize, long configPage) {
    return x0(run.apply(Rsi.call(RsiCall.RSI_VERSION, Rsi.VERSION_1_0))) == 0
        && x0(run.apply(Rsi.call(RsiCall.RSI_REALM_CONFIG, configPage))) == 0
        && setRange(ramBase, ramBase + ramSize, Rsi.RAM, 0);
  }

  /** Shares a range with the host: its private alias becomes EMPTY, whatever it held. */
  public boolean share(long base, long size) {
    return setRange(base, base + size, Rsi.EMPTY, Rsi.CHANGE_DESTROYED);
  }

  /** Takes a range back from the host; its content is not what it was. */
  public boolean protect(long base, long size) {
    return setRange(base, base + size, Rsi.RAM, Rsi.CHANGE_DESTROYED);
  }

  /** Asks until the range is done; a rejection or no progress ends it. */
  private boolean setRange(long base, long top, long ripas, long flags) {
    long at = base;
    while (at < top) {
      RunResult asked = run.apply(Rsi.ipaStateSet(at, top, ripas, flags));
      if (asked.errno() == Errno.EFAULT && asked.exit() instanceof Exit.MemoryFault fault) {
        vmm.accept(fault, this);
        asked = run.apply(Rsi.result());
      }
      if (x0(asked) != 0 || register(asked, "x2") != 0) {
        return false;
      }
      long reached = register(asked, "x1");
      if (reached <= at) {
        return false;
      }
      at = reached;
    }
    return true;
  }

  private static long x0(RunResult result) {
    return result.errno().ok() ? register(result, "x0") : -1;
  }

  private static long register(RunResult result, String name) {
    return result.exit() instanceof Exit.Vendor v ? v.fields().number(name, -1) : -1;
  }
}
