package dev.cocovisor.bench;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.page.RealmParams;
import dev.cocovisor.cca.rmm.realm.RmmConfig;
import dev.cocovisor.cca.rmm.v1.Rmm1;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * RMI calls a second: a granule goes in and out of a realm (GRANULE_DELEGATE, DATA_CREATE_UNKNOWN,
 * DATA_DESTROY, GRANULE_UNDELEGATE). TF-RMM's own code makes 1.05 million on this kind of machine.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class RmiCycle {
  private static final long PAGE = 4096;
  private static final long IPA = 0x4000_0000L;

  private final SparseMemory memory = new SparseMemory();
  private final Rmm1 rmm = new Rmm1(RmmConfig.RECORDED, memory);
  private final Pe pe = new Pe();
  private long next = RmmConfig.RECORDED.memoryBase();
  private long rd;
  private long granule;

  private long delegated() {
    long g = next;
    next += PAGE;
    Setup.ok(rmm.granuleDelegate(pe, g));
    return g;
  }

  /** Creates a realm of 48 bits with the tables for one ipa. */
  @org.openjdk.jmh.annotations.Setup(Level.Trial)
  public void build() {
    rd = delegated();
    long root = delegated();
    long params = next;
    next += PAGE;
    new RealmParams(0, 48, 0, 1, 1, 0, 0, new byte[RealmParams.RPV_BYTES], 1, root, 0, 1)
        .write(memory, params);
    Setup.ok(rmm.realmCreate(pe, rd, params));
    for (int level = 1; level <= 3; level++) {
      long entry = PAGE << (9 * (4 - level));
      Setup.ok(rmm.rttCreate(pe, rd, delegated(), IPA & -entry, level));
    }
    granule = next;
  }

  /** Four calls. */
  @Benchmark
  @OperationsPerInvocation(4)
  public long cycle() {
    long status = rmm.granuleDelegate(pe, granule);
    status |= rmm.dataCreateUnknown(pe, rd, granule, IPA);
    status |= rmm.dataDestroy(pe, rd, IPA);
    status |= rmm.granuleUndelegate(pe, granule);
    Setup.ok(status);
    return status;
  }
}
