package dev.cocovisor.cca.rmilog;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.cca.rmm.Rmm;
import dev.cocovisor.cca.rmm.call.RmiCall;
import dev.cocovisor.cca.rmm.granule.El3Monitor;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.realm.RmmConfig;
import dev.cocovisor.cca.rmm.table.Steps;
import dev.cocovisor.cca.rmm.v1.RmiCommand;
import dev.cocovisor.cca.rmm.v1.Rmm1;
import dev.cocovisor.cca.rmm.v2.Rmi2Command;
import dev.cocovisor.cca.rmm.v2.Rmm2;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** The version of RMI that a log's calls are of, each with the RMM that was recorded. */
enum RmmVersion {
  /** RMM 1.0: TF-RMM rmm-spec-v1.0-rel0. */
  V1("RMI 1.0", RmiCommand.values()) {
    @Override
    Rmm create(PhysicalMemory memory, Safeguards safeguards, Steps steps) {
      return new Rmm1(RmmConfig.RECORDED, memory, El3Monitor.GRANTS, Interposer.NONE, steps);
    }
  },
  /** RMM 2.0: TF-RMM 9a7f8ef4. */
  V2("RMI 2.0", Rmi2Command.values()) {
    @Override
    Rmm create(PhysicalMemory memory, Safeguards safeguards, Steps steps) {
      return new Rmm2(RmmConfig.RECORDED_2, memory, El3Monitor.GRANTS, Interposer.NONE, safeguards);
    }
  };

  private final Set<String> names = new TreeSet<>();

  private final String title;

  RmmVersion(String title, RmiCall[] calls) {
    this.title = title;
    Arrays.stream(calls).forEach(c -> names.add(c.callName()));
  }

  /** Returns the version for messages. */
  String title() {
    return title;
  }

  abstract Rmm create(PhysicalMemory memory, Safeguards safeguards, Steps steps);

  /** Returns the only version that has a command; null if both or none have it. */
  static @Nullable RmmVersion onlyOne(String command) {
    boolean first = V1.names.contains(command);
    boolean second = V2.names.contains(command);
    return first == second ? null : first ? V1 : V2;
  }
}
