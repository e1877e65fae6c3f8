package dev.cocovisor.cca.rmm;

import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.RmiCall;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.RmmConfig;
import dev.cocovisor.cca.rmm.realm.RmmView;
import dev.cocovisor.cca.rmm.run.RealmSide;
import java.util.List;
import java.util.function.Consumer;

/**
 * A Realm Management Monitor, whatever version of RMI it speaks: commands for the host, RSI and
 * PSCI for realms, over the granules of one machine.
 *
 * <p><b>State.</b> {@link GranuleTable} says what every tracked granule is. The content of the
 * RMM's own granules (descriptors, RECs, tables) is kept as objects beside it, the content of DATA
 * granules in physical memory.
 *
 * <p><b>Calls.</b> Each command checks in TF-RMM's order and returns x0; outputs are in the {@link
 * Pe} that called. A REC that was entered runs until one of its own calls, an interrupt or an abort
 * ends the run; until then other PEs may call. Every call is a schedule point, and so is every
 * lock.
 */
public interface Rmm {
  /** Returns the rows of its version, in the order of their numbers. */
  List<? extends RmiCall> calls();

  /**
   * Makes a call by its function identifier; outputs are in the PE.
   *
   * @param operands x1 on; as many as the longest command takes
   * @return x0; {@link dev.cocovisor.cca.rmm.call.Status#UNKNOWN} if no command has the identifier
   */
  long call(Pe pe, long fid, long... operands);

  /** Returns the granule table, for inspection. */
  GranuleTable granules();

  /** Returns the configuration. */
  RmmConfig config();

  /** Returns the granule protection check that this RMM's delegations imply. */
  PhysicalGuard guard();

  /** Returns the realm's side of the interface: calls, accesses and interrupts of running RECs. */
  RealmSide realmSide();

  /** Returns what can be seen of realms from outside, for tools and tests. */
  RmmView view();

  /**
   * Reports every broken invariant in words that name the granule or entry. Costs time proportional
   * to the tables; not for a hot path.
   */
  void checkInvariants(Consumer<String> violation);
}
