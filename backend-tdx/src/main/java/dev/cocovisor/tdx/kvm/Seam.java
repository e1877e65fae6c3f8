package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.tdx.module.SeamCalls;
import dev.cocovisor.tdx.module.SeamReasons;
import dev.cocovisor.tdx.module.TdxModule;
import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.call.TdCall;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * KVM's way to make SEAMCALLs: on a processor nobody else uses at the moment, traced and counted.
 *
 * <p>Processors 0 to 63 serve host threads, whoever they are; each vCPU has one of its own above
 * them. A call takes a processor that is free and gives it back, so two threads never share the
 * working storage of a call. A thread begins to look at a place of its own, so that two threads do
 * not write the same cache lines either. Thread-safe.
 */
public final class Seam {
  static final int HOST_PROCESSORS = 64;

  private static final VarHandle BUSY = MethodHandles.arrayElementVarHandle(int[].class);
  private static final int LINE = 32;
  private static final int LEAVES = 64;

  /** How often a call is made for which the random generator gave nothing (sc_retry). */
  private static final int ENTROPY_TRIES = 10;

  /** How far apart two threads with adjacent numbers begin to look. */
  private static final int APART = 8;

  private static final String[] OPERANDS = {", rdx=0x", ", r8=0x", ", r9=0x"};

  private final TdxModule module;
  private final TraceSink trace;
  private final @Nullable SeamCalls[] calls = new @Nullable SeamCalls[HOST_PROCESSORS];

  /** How often each processor made each call; null for one that made none. */
  private final long[] @Nullable [] counts = new long[HOST_PROCESSORS] @Nullable [];

  /** 1 where a processor is in use; two cache lines each. */
  private final int[] busy = new int[HOST_PROCESSORS * LINE];

  private final AtomicBoolean growing = new AtomicBoolean();
  private int processors = HOST_PROCESSORS;

  Seam(TdxModule module, TraceSink trace) {
    this.module = module;
    this.trace = trace;
    counts[0] = new long[LEAVES];
  }

  /** Brings up a processor for a vCPU and returns its number. */
  int newProcessor() {
    while (!growing.compareAndSet(false, true)) {
      Thread.onSpinWait();
    }
    int lp = processors++;
    module.addProcessors(processors);
    growing.set(false);
    return lp;
  }

  /** Makes a call on any processor. */
  long call(SeamCall leaf, long rcx, long rdx, long r8, long r9) {
    int slot = take();
    SeamCalls processor = calls(slot);
    long status = processor.call(leaf, rcx, rdx, r8, r9);
    for (int i = 1; SeamStatus.RND_NO_ENTROPY.is(status) && i < ENTROPY_TRIES; i++) {
      status = processor.call(leaf, rcx, rdx, r8, r9);
    }
    count(slot, leaf);
    BUSY.setRelease(busy, slot * LINE, 0);
    trace(leaf, rcx, rdx, r8, r9, status);
    return status;
  }

  /** As {@link #call} of TDH.MEM.PAGE.DEMOTE, with two pages for the PAMT. */
  long demote(long rcx, long rdx, long r8, long first, long second) {
    int slot = take();
    SeamCalls processor = calls(slot);
    processor.pamtPages(first, second);
    long status = processor.call(SeamCall.MEM_PAGE_DEMOTE, rcx, rdx, r8, 0);
    processor.pamtPages(0, 0);
    count(slot, SeamCall.MEM_PAGE_DEMOTE);
    BUSY.setRelease(busy, slot * LINE, 0);
    trace(SeamCall.MEM_PAGE_DEMOTE, rcx, rdx, r8, 0, status);
    return status;
  }

  /**
   * Reads a field of a TD's metadata.
   *
   * @param into takes the value where the answer is 0
   */
  long metadata(long tdr, long field, long[] into) {
    int slot = take();
    SeamCalls processor = calls(slot);
    long status = processor.call(SeamCall.MNG_RD, tdr, field, 0, 0);
    into[0] = processor.r8();
    count(slot, SeamCall.MNG_RD);
    BUSY.setRelease(busy, slot * LINE, 0);
    trace(SeamCall.MNG_RD, tdr, field, 0, 0, status);
    return status;
  }

  /** A processor's calls; whoever took it may make them. */
  private SeamCalls calls(int slot) {
    SeamCalls c = calls[slot];
    if (c == null) {
      c = new SeamCalls(module, slot);
      calls[slot] = c;
    }
    return c;
  }

  private void count(int slot, SeamCall leaf) {
    long[] c = counts[slot];
    if (c == null) {
      c = new long[LEAVES];
      counts[slot] = c;
    }
    c[leaf.leaf()]++;
  }

  private int take() {
    int slot = (int) Thread.currentThread().threadId() * APART & (HOST_PROCESSORS - 1);
    while (!BUSY.compareAndSet(busy, slot * LINE, 0, 1)) {
      slot = (slot + 1) & (HOST_PROCESSORS - 1);
    }
    return slot;
  }

  /** Counts and traces a call made on a vCPU's own processor. */
  void made(SeamCall leaf, long rcx, long status) {
    count(0, leaf);
    trace(leaf, rcx, 0, 0, 0, status);
  }

  private void trace(SeamCall leaf, long rcx, long rdx, long r8, long r9, long status) {
    if (!trace.enabled()) {
      return;
    }
    StringBuilder arguments = new StringBuilder("rcx=0x").append(Long.toHexString(rcx));
    long[] more = {rdx, r8, r9};
    for (int i = 0; i < leaf.arity() - 1; i++) {
      arguments.append(OPERANDS[i]).append(Long.toHexString(more[i]));
    }
    trace.emit(
        new TraceEvent(
            TraceEvent.Kind.FIRMWARE, leaf.callName(), arguments.toString(), result(leaf, status)));
    if (SeamStatus.isError(status) && status != SeamStatus.IN_GUEST) {
      trace.refused(SeamStatus.describe(status), () -> SeamReasons.of(leaf, status));
    }
  }

  private static String result(SeamCall leaf, long status) {
    if (status == SeamStatus.IN_GUEST) {
      return "in guest";
    } else if (leaf == SeamCall.VP_ENTER && status == VcpuEntry.EPT_VIOLATION) {
      return "EPT_VIOLATION, the guest was not entered";
    }
    return status == 0 ? SeamStatus.SUCCESS.name() : SeamStatus.inFull(status);
  }

  /** Traces a TDCALL a guest made; {@code rax} is its status where it completed. */
  void guest(TdCall leaf, Fields operands, GuestOutcome outcome, long rax) {
    if (trace.enabled()) {
      String result = outcome.name();
      if (outcome == GuestOutcome.DONE) {
        result = rax == 0 ? SeamStatus.SUCCESS.name() : SeamStatus.inFull(rax);
      }
      trace.emit(
          new TraceEvent(TraceEvent.Kind.FIRMWARE, leaf.callName(), operands.toString(), result));
    }
  }

  /** Returns how often a leaf was called. */
  public long count(SeamCall leaf) {
    long n = 0;
    for (long[] c : counts) {
      n += c == null ? 0 : c[leaf.leaf()];
    }
    return n;
  }
}
