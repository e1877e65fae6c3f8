package dev.cocovisor.bench.lincheck;

import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.vm.Invalidation;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Validate;

/**
 * A software-protected VM of one vCPU whose guest writes a page while the VMM punches it, built
 * anew for each execution; with {@link #PLANTED} a fault does not look whether its page went
 * meanwhile.
 */
public class WriteWithPunch {
  /** The system property that plants the fault. */
  static final String PLANTED = "planted";

  /** How many were made: one an execution. */
  static final AtomicLong MADE = new AtomicLong();

  private static final HostConfig HOST =
      HostConfig.DEFAULT.withMemoryFrames(1 << 14).withSetting("core.thp", "never");
  private static final long SIZE = 1 << 20;
  private static final long HVA = 0x7f60_0000_0000L;
  private static final int SW_PROTECTED_VM = 1;
  private static final int SLOT_HAS_MEMFD = 4;
  private static final int PRIVATE = 8;
  private static final int PUNCH_HOLE_KEEP_SIZE = 3;

  /** A fault never tries again. */
  private static final class NoRetry extends Invalidation {
    @Override
    public boolean mustRetry(long seen, long gfn) {
      return false;
    }
  }

  private final Kvm host;
  private final KvmProcess process;
  private final int vcpu;
  private final int memfd;

  /** Builds the host and its VM. */
  public WriteWithPunch() {
    MADE.incrementAndGet();
    CoreParts parts =
        Boolean.getBoolean(PLANTED)
            ? CoreParts.DEFAULT.with(Invalidation.Factory.class, NoRetry::new)
            : CoreParts.DEFAULT;
    host = new Kvm(HOST, List.of(), TraceSink.OFF, parts);
    process = new KvmProcess(host);
    int vm = (int) process.createVm((int) process.openDevKvm(), SW_PROTECTED_VM);
    vcpu = (int) process.createVcpu(vm, 0);
    memfd = (int) process.createGuestMemfd(vm, SIZE, 0);
    succeeds(process.mmap(HVA, SIZE, 3, 0x22, -1, 0) - HVA);
    succeeds(process.setUserMemoryRegion2(vm, 0, SLOT_HAS_MEMFD, 0, SIZE, HVA, 0, memfd));
    succeeds(process.setMemoryAttributes(vm, 0, SIZE, PRIVATE, 0));
  }

  private static void succeeds(long answer) {
    if (answer != 0) {
      throw new IllegalStateException("a call of the setup answers " + answer);
    }
  }

  /** Returns the host. */
  Kvm host() {
    return host;
  }

  /** The guest writes a byte. */
  @Operation
  public String write() {
    return process
        .guestRun(vcpu, new GuestAction.Write(0x3000, 7, GuestAction.NO_CODE, true))
        .toString();
  }

  /** The VMM punches the byte's page. */
  @Operation
  public long punch() {
    return process.fallocate(memfd, PUNCH_HOLE_KEEP_SIZE, 0x3000, 4096);
  }

  /** No frame that is mapped is free, once both are done. */
  @Validate
  public void check() {
    var broken = new ArrayList<String>();
    host.checkAlways(broken::add);
    if (!broken.isEmpty()) {
      throw new IllegalStateException(broken.getFirst());
    }
  }
}
