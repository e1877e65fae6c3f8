package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.tdx.module.SeamCall;
import dev.cocovisor.tdx.module.SeamCalls;
import dev.cocovisor.tdx.module.SeamStatus;
import dev.cocovisor.tdx.module.TdxModule;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * KVM's way to make SEAMCALLs: on a processor nobody else uses at the moment, traced and counted.
 *
 * <p>Processors 0 to 63 serve host threads, whoever they are; each vCPU has one of its own above
 * them. A call takes the lowest processor that is free and gives it back, so two threads never
 * share the working storage of a call. Thread-safe.
 */
public final class Seam {
  static final int HOST_PROCESSORS = 64;

  private final TdxModule module;
  private final TraceSink trace;
  private final SeamCalls[] calls = new SeamCalls[HOST_PROCESSORS];
  private final long[][] counts = new long[HOST_PROCESSORS][64];
  private final AtomicLong busy = new AtomicLong();
  private volatile @Nullable Plan plan;
  private int processors = HOST_PROCESSORS;

  /** Refusals to come. */
  private record Plan(SeamCall leaf, long status, AtomicInteger left) {}

  Seam(TdxModule module, TraceSink trace) {
    this.module = module;
    this.trace = trace;
    for (int i = 0; i < HOST_PROCESSORS; i++) {
      calls[i] = new SeamCalls(module, i);
    }
  }

  /** Brings up a processor for a vCPU and returns its number; under the kvm lock of its VM. */
  int newProcessor() {
    int lp = processors++;
    module.addProcessors(processors);
    return lp;
  }

  /** Makes a call on any processor. */
  long call(SeamCall leaf, long rcx, long rdx, long r8, long r9) {
    int slot = take();
    long planned = refusal(leaf);
    long status = planned != 0 ? planned : calls[slot].call(leaf, rcx, rdx, r8, r9);
    counts[slot][leaf.leaf()]++;
    busy.getAndUpdate(b -> b & ~(1L << slot));
    trace(leaf, rcx, rdx, r8, status);
    return status;
  }

  /** Makes the next calls of a leaf answer {@code status} without reaching the module. */
  void plan(SeamCall leaf, long status, int times) {
    plan = new Plan(leaf, status, new AtomicInteger(times));
  }

  private long refusal(SeamCall leaf) {
    Plan p = plan;
    return p != null && p.leaf == leaf && p.left.getAndUpdate(n -> Math.max(n - 1, 0)) > 0
        ? p.status
        : 0;
  }

  private int take() {
    while (true) {
      long b = busy.get();
      int slot = Long.numberOfTrailingZeros(~b);
      if (slot < HOST_PROCESSORS && busy.compareAndSet(b, b | 1L << slot)) {
        return slot;
      }
    }
  }

  /** Counts and traces a call made on a vCPU's own processor. */
  void made(SeamCall leaf, long rcx, long status) {
    counts[0][leaf.leaf()]++;
    trace(leaf, rcx, 0, 0, status);
  }

  private void trace(SeamCall leaf, long rcx, long rdx, long r8, long status) {
    if (trace.enabled()) {
      String arguments =
          "rcx=0x"
              + Long.toHexString(rcx)
              + ", rdx=0x"
              + Long.toHexString(rdx)
              + ", r8=0x"
              + Long.toHexString(r8);
      String result = status == TdxModule.IN_GUEST ? "in guest" : SeamStatus.describe(status);
      trace.emit(new TraceEvent(TraceEvent.Kind.FIRMWARE, leaf.seamName(), arguments, result));
    }
  }

  /** Returns how often a leaf was called. */
  public long count(SeamCall leaf) {
    long n = 0;
    for (long[] c : counts) {
      n += c[leaf.leaf()];
    }
    return n;
  }
}
