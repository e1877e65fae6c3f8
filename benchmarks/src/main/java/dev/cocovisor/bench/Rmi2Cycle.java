package dev.cocovisor.bench;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.op.Block;
import dev.cocovisor.cca.rmm.page.RealmParams;
import dev.cocovisor.cca.rmm.page.RealmParams2;
import dev.cocovisor.cca.rmm.realm.RmmConfig;
import dev.cocovisor.cca.rmm.v2.Rmi2Command;
import dev.cocovisor.cca.rmm.v2.Rmm2;
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
 * RMI 2.0: a granule goes in and out of a realm by four calls, as {@link RmiCycle} does under 1.0;
 * and 512 granules are mapped and unmapped by one range call each.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class Rmi2Cycle {
  private static final long PAGE = 4096;
  private static final long IPA = 0x4000_0000L;
  private static final int PAGES = 512;
  private static final long SINGLE = 1;

  private final SparseMemory memory = new SparseMemory();
  private final Rmm2 rmm = new Rmm2(RmmConfig.RECORDED_2, memory);
  private final Pe pe = new Pe();
  private long next = RmmConfig.RECORDED_2.memoryBase();
  private long rd;
  private long granule;
  private long range;

  private long call(Rmi2Command command, long... operands) {
    return rmm.call(pe, command.number(), operands);
  }

  private long delegated() {
    long g = next;
    next += PAGE;
    Setup.ok(call(Rmi2Command.GRANULE_RANGE_DELEGATE, g, g + PAGE));
    return g;
  }

  /** Creates a realm of 48 bits with the tables for one ipa, and 512 delegated granules. */
  @org.openjdk.jmh.annotations.Setup(Level.Trial)
  public void build() {
    Setup.ok(call(Rmi2Command.RMM_ACTIVATE));
    rd = delegated();
    long root = delegated();
    long params = next;
    next += PAGE;
    byte[] rpv = new byte[RealmParams.RPV_BYTES];
    new RealmParams2(0, 48, 0, 1, 1, 0, 0, 0, rpv, 0, root, 0, 1, 0, new long[3])
        .write(memory, params);
    Setup.ok(call(Rmi2Command.REALM_CREATE, rd, params));
    for (int level = 1; level <= 3; level++) {
      long entry = PAGE << (9 * (4 - level));
      Setup.ok(call(Rmi2Command.RTT_CREATE, rd, delegated(), IPA & -entry, level));
    }
    range = next;
    for (int i = 0; i < PAGES; i++) {
      long _ = delegated();
    }
    granule = next;
  }

  /** Four calls: one granule delegated, mapped, unmapped and undelegated. */
  @Benchmark
  @OperationsPerInvocation(4)
  public long cycle() {
    long status = call(Rmi2Command.GRANULE_RANGE_DELEGATE, granule, granule + PAGE);
    status |=
        call(Rmi2Command.RTT_DATA_MAP, rd, IPA, IPA + PAGE, SINGLE, Block.of(granule, 3, 1, 0));
    status |= call(Rmi2Command.RTT_DATA_UNMAP, rd, IPA, IPA + PAGE, SINGLE, 0);
    status |= call(Rmi2Command.GRANULE_RANGE_UNDELEGATE, granule, granule + PAGE);
    Setup.ok(status);
    return status;
  }

  /** Two calls for 512 granules: mapped and unmapped; counted by granules. */
  @Benchmark
  @OperationsPerInvocation(PAGES)
  public long ranges() {
    long top = IPA + PAGES * PAGE;
    long status =
        call(Rmi2Command.RTT_DATA_MAP, rd, IPA, top, SINGLE, Block.of(range, 3, PAGES, 0));
    status |= call(Rmi2Command.RTT_DATA_UNMAP, rd, IPA, top, SINGLE, 0);
    Setup.ok(status);
    return status;
  }
}
