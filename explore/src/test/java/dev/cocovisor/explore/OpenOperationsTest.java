package dev.cocovisor.explore;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.api.sched.Choice;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.El3Monitor;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.page.RealmParams;
import dev.cocovisor.cca.rmm.page.RealmParams2;
import dev.cocovisor.cca.rmm.realm.RmmConfig;
import dev.cocovisor.cca.rmm.v2.Rmi2Command;
import dev.cocovisor.cca.rmm.v2.Rmm2;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/**
 * Two PEs call one RMM of 2.0: one takes pages away and may be interrupted, the other changes the
 * tables meanwhile. The rules that protect an open operation are found to be needed.
 */
class OpenOperationsTest {
  private static final long PAGE = 4096;
  private static final long MB2 = 2 << 20;
  private static final int SAMPLING = 3;

  /** One RMM with a realm that has a table for its first 2 MiB, with pages in it or none. */
  private static final class World implements Trial {
    private final Pe unmapper = new Pe();
    private final Pe other = new Pe();
    private final Rmm2 rmm;
    private final SparseMemory memory = new SparseMemory();
    private final Rmi2Command change;
    private long next = RmmConfig.RECORDED_2.memoryBase();
    private final long rd;
    private int samplings;

    World(Safeguards safeguards, int pages, Rmi2Command change) {
      this.change = change;
      rmm = new Rmm2(RmmConfig.RECORDED_2, memory, El3Monitor.GRANTS, Interposer.NONE, safeguards);
      call(other, Rmi2Command.RMM_ACTIVATE);
      rd = delegated();
      long root = delegated();
      long page = next;
      next += PAGE;
      byte[] rpv = new byte[RealmParams.RPV_BYTES];
      new RealmParams2(0, 39, 0, 1, 1, 0, 0, 0, rpv, 0, root, 1, 1, 0, new long[3])
          .write(memory, page);
      call(other, Rmi2Command.REALM_CREATE, rd, page);
      call(other, Rmi2Command.RTT_CREATE, rd, delegated(), 0, 2);
      call(other, Rmi2Command.RTT_CREATE, rd, delegated(), 0, 3);
      for (int i = 0; i < pages; i++) {
        call(other, Rmi2Command.RTT_DATA_MAP, rd, i * PAGE, (i + 1) * PAGE, 1, delegated() | 4);
      }
      unmapper.setInterrupts(
          pe -> samplings++ == SAMPLING && SchedulePoint.choose(Choice.INTERRUPT, pe, 2) != 0);
    }

    private long call(Pe pe, Rmi2Command command, long... operands) {
      return rmm.call(pe, command.number(), operands);
    }

    private long delegated() {
      long g = next;
      next += PAGE;
      call(other, Rmi2Command.GRANULE_RANGE_DELEGATE, g, g + PAGE);
      return g;
    }

    private String unmap() {
      return Status.name(call(unmapper, Rmi2Command.RTT_DATA_UNMAP, rd, 0, MB2, 0, 0));
    }

    private String resume() {
      try {
        return Status.name(call(unmapper, Rmi2Command.OP_CONTINUE, 0, 0));
      } catch (IllegalStateException e) {
        return String.valueOf(e.getMessage());
      }
    }

    private String change() {
      long status =
          change == Rmi2Command.RTT_DESTROY
              ? call(other, change, rd, 0, 3)
              : call(other, change, rd, 0, PAGE);
      return Status.name(status);
    }

    @Override
    public List<Part> parts() {
      return List.of(
          new Part(
              "unmapper",
              List.of(
                  new Call("RTT_DATA_UNMAP", this::unmap), new Call("OP_CONTINUE", this::resume))),
          new Part("other", List.of(new Call(change.callName(), this::change))));
    }

    @Override
    public void checkAlways(Consumer<String> violation) {}

    @Override
    public void checkAtRest(Consumer<String> violation) {
      rmm.checkInvariants(violation);
    }

    @Override
    public void close() {}
  }

  private static Report explore(Safeguards safeguards, int pages, Rmi2Command change) {
    Subject subject =
        new Subject() {
          @Override
          public String name() {
            return change.callName();
          }

          @Override
          public Trial newTrial() {
            return new World(safeguards, pages, change);
          }
        };
    return new Explorer(Limits.DEFAULT, false).explore(subject, new Search.Choices(2, 1));
  }

  private static List<String> texts(Report report) {
    List<String> all = new ArrayList<>();
    report.findings().forEach(f -> all.add(f.toString()));
    return all;
  }

  @Test
  void anUnmapThatTookNothingPinsItsTable() {
    Safeguards loose =
        new Safeguards() {
          @Override
          public boolean pinsTables() {
            return false;
          }
        };
    Report clean = explore(Safeguards.ALL, 0, Rmi2Command.RTT_DESTROY);
    assertThat(texts(clean)).isEmpty();
    assertThat(clean.exhaustive()).isTrue();
    assertThat(texts(explore(loose, 0, Rmi2Command.RTT_DESTROY))).isNotEmpty();
  }

  @Test
  void aStampedEntryKeepsItsStampWhateverRipasItIsGiven() {
    Safeguards loose =
        new Safeguards() {
          @Override
          public boolean initSparesStamps() {
            return false;
          }
        };
    Report clean = explore(Safeguards.ALL, 2, Rmi2Command.RTT_INIT_RIPAS);
    assertThat(texts(clean)).isEmpty();
    assertThat(clean.exhaustive()).isTrue();
    assertThat(texts(explore(loose, 2, Rmi2Command.RTT_INIT_RIPAS)).toString())
        .contains("are live or stamped");
  }
}
