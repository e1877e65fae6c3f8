package dev.cocovisor.cca.rmm.op;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.El3Monitor;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.RmmConfig;
import dev.cocovisor.cca.rmm.realm.Vmids;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import org.junit.jupiter.api.Test;

/** One PE at a time works on an operation; another's call is told so and changes nothing. */
class BusyOperationTest {
  private static final long BASE = RmmConfig.RECORDED_2.memoryBase();
  private static final long PAGE = 4096;
  private static final long LIST = BASE;
  private static final long GIVEN = BASE + PAGE;

  private final SparseMemory memory = new SparseMemory();
  private final GranuleTable granules = new GranuleTable(BASE, RmmConfig.RECORDED_2.memoryEnd());
  private final Context context =
      new Context(RmmConfig.RECORDED_2, granules, memory, El3Monitor.GRANTS, new Vmids(8));
  private final Operations operations = new Operations(Safeguards.ALL);
  private final OperationCommands commands = new OperationCommands(context, operations);
  private final Pe pe = new Pe();

  /** An operation that takes or gives one granule, then ends. */
  private final class OneGranule extends StatefulOperation {
    private final Exchange exchange;

    OneGranule(Expects expects, Exchange exchange) {
      super(BusyOperationTest.this.context, operations.reserve(), expects);
      this.exchange = exchange;
      operations.open(this);
    }

    @Override
    protected long resume(Pe by) {
      return Status.SUCCESS;
    }

    @Override
    protected Exchange exchange() {
      return exchange;
    }
  }

  // RMM 2.0-bet2, TF-RMM runtime/rmi/sro.c: an operation's context is taken with a try-lock.
  @Test
  void aDonationWaitsForThePeThatWorksOnTheOperation() {
    granules.setState(granules.find(GIVEN), GranuleState.S_DELEGATED);
    memory.writeLong(LIST, Block.of(GIVEN, Geometry.PAGE_LEVEL, 1, 0));
    var wants = new Exchange(context, 1, GranuleState.S_REC_AUX);
    var operation = new OneGranule(StatefulOperation.Expects.DONATE, wants);
    assertThat(operation.enter()).isTrue();
    assertThat(commands.donate(pe, operation.handle(), LIST, 1)).isEqualTo(Status.BUSY);
    assertThat(wants.missing()).isOne();
    assertThat(granules.state(granules.find(GIVEN))).isEqualTo(GranuleState.S_DELEGATED);
    operation.leave();
    assertThat(commands.donate(pe, operation.handle(), LIST, 1)).isEqualTo(Status.INCOMPLETE);
    assertThat(wants.missing()).isZero();
    assertThat(granules.state(granules.find(GIVEN))).isEqualTo(GranuleState.S_REC_AUX);
    assertThat(operation.enter()).as("the call has left it").isTrue();
  }

  @Test
  void aReclaimWaitsForThePeThatWorksOnTheOperation() {
    int g = granules.find(GIVEN);
    granules.setState(g, GranuleState.S_REC_AUX);
    var owes = new Exchange(context, new int[] {g}, GranuleState.S_REC_AUX);
    var operation = new OneGranule(StatefulOperation.Expects.RECLAIM, owes);
    assertThat(operation.enter()).isTrue();
    assertThat(commands.reclaim(pe, operation.handle(), LIST, 1)).isEqualTo(Status.BUSY);
    assertThat(granules.state(g)).isEqualTo(GranuleState.S_REC_AUX);
    operation.leave();
    assertThat(commands.reclaim(pe, operation.handle(), LIST, 1)).isEqualTo(Status.INCOMPLETE);
    assertThat(granules.state(g)).isEqualTo(GranuleState.S_DELEGATED);
    assertThat(memory.readLong(LIST)).isEqualTo(Block.of(GIVEN, Geometry.PAGE_LEVEL, 1, 0));
    assertThat(operation.enter()).as("the call has left it").isTrue();
  }

  @Test
  void whoContinuesItWaitsForThePeThatWorksOnIt() {
    var operation =
        new OneGranule(
            StatefulOperation.Expects.CONTINUE, new Exchange(context, 1, GranuleState.S_REC_AUX));
    assertThat(operation.enter()).isTrue();
    assertThat(commands.resume(pe, operation.handle(), 0)).isEqualTo(Status.BUSY);
    assertThat(operations.find(operation.handle())).as("still open").isSameAs(operation);
    operation.leave();
    assertThat(commands.resume(pe, operation.handle(), 0)).isEqualTo(Status.SUCCESS);
    assertThat(operations.find(operation.handle())).isNull();
    assertThat(operations.open()).isZero();
    assertThat(commands.resume(pe, operation.handle(), 0)).isEqualTo(Status.ERROR_INPUT);
  }
}
