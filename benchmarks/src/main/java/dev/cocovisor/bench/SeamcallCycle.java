package dev.cocovisor.bench;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.tdx.module.SeamCalls;
import dev.cocovisor.tdx.module.TdxModule;
import dev.cocovisor.tdx.module.abi.PlatformConfig;
import dev.cocovisor.tdx.module.pamt.Pamt;
import dev.cocovisor.tdx.module.td.TdParams;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * SEAMCALLs a second: a page goes in and out of a running TD (AUG, BLOCK, TRACK, REMOVE). Intel's
 * own module code, built with -O1 on this kind of machine, makes 3.1 million.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class SeamcallCycle {
  private static final long BASE = 0x4000_0000L;
  private static final long END = 0x8000_0000L;
  private static final long PAGE = 4096;
  private static final long GPA = 0x1000_0000L;
  private static final long PARAMS = 0x10_0000L;
  private static final int TDCX_PAGES = 6;
  private static final int VCPU_PAGES = 5;

  /** 0: a 4 KiB page, 1: a 2 MiB page. */
  @Param({"0", "1"})
  public int level;

  private SeamCalls calls = new SeamCalls(module(new SparseMemory()), 0);
  private long tdr;
  private long page;

  private static TdxModule module(SparseMemory memory) {
    byte[] params = new TdParams(0, 3, 8, 0, 6 | 3 << 3, 0, 80).toBytes();
    memory.write(PARAMS, params, 0, params.length);
    return new TdxModule(PlatformConfig.standard(1), memory, List.of(new Pamt(BASE, END)));
  }

  /** Builds and finalizes a TD with the tables for one gpa. */
  @org.openjdk.jmh.annotations.Setup(Level.Trial)
  public void build() {
    long next = BASE;
    tdr = next;
    next += PAGE;
    Setup.ok(calls.mngCreate(tdr, 32));
    Setup.ok(calls.mngKeyConfig(tdr));
    for (int i = 0; i < TDCX_PAGES; i++) {
      Setup.ok(calls.mngAddCx(tdr, next));
      next += PAGE;
    }
    Setup.ok(calls.mngInit(tdr, PARAMS));
    long tdvpr = next;
    next += PAGE;
    Setup.ok(calls.vpCreate(tdr, tdvpr));
    for (int i = 0; i < VCPU_PAGES; i++) {
      Setup.ok(calls.vpAddCx(tdvpr, next));
      next += PAGE;
    }
    Setup.ok(calls.vpInit(tdvpr, 0));
    for (int table = 3; table > level; table--) {
      long size = PAGE << (9 * table);
      Setup.ok(calls.memSeptAdd(tdr, GPA & -size, table, next));
      next += PAGE;
    }
    Setup.ok(calls.mrFinalize(tdr));
    page = BASE + (1L << 28);
  }

  /** Four SEAMCALLs. */
  @Benchmark
  @OperationsPerInvocation(4)
  public long cycle() {
    long status = calls.memPageAug(tdr, GPA, level, page);
    status |= calls.memRangeBlock(tdr, GPA, level);
    status |= calls.memTrack(tdr);
    status |= calls.memPageRemove(tdr, GPA, level);
    Setup.ok(status);
    return status;
  }
}
