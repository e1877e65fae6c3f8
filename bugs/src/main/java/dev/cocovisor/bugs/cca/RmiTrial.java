package dev.cocovisor.bugs.cca;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.El3Monitor;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.realm.RmmConfig;
import dev.cocovisor.cca.rmm.v2.Rmi2Command;
import dev.cocovisor.cca.rmm.v2.Rmm2;
import dev.cocovisor.explore.Trial;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * PEs that call one RMM of 2.0 at the same time: the lines of a text that an {@code .rmilog} has,
 * in which {@code actor("…")} begins what one PE does.
 */
final class RmiTrial implements Trial {
  private static final int ACTOR_NAME = "actor(\"".length();

  private final SparseMemory memory = new SparseMemory();
  private final Rmm2 rmm;
  private final List<Part> parts = new ArrayList<>();

  RmiTrial(String text, Safeguards safeguards) {
    rmm = new Rmm2(RmmConfig.RECORDED_2, memory, El3Monitor.GRANTS, Interposer.NONE, safeguards);
    Pe pe = new Pe();
    String actor = "";
    List<Call> calls = new ArrayList<>();
    for (String line : text.lines().filter(l -> !l.isEmpty() && l.charAt(0) != '#').toList()) {
      if (line.startsWith("actor(")) {
        add(actor, calls);
        actor = line.substring(ACTOR_NAME, line.lastIndexOf('"'));
        calls = new ArrayList<>();
        pe = new Pe();
      } else if (actor.isEmpty()) {
        var _ = perform(pe, line);
      } else {
        Pe own = pe;
        calls.add(new Call(line, () -> perform(own, line)));
      }
    }
    add(actor, calls);
  }

  private void add(String actor, List<Call> calls) {
    if (!actor.isEmpty()) {
      parts.add(new Part(actor, calls));
    }
  }

  private String perform(Pe pe, String line) {
    String[] words = line.substring(line.indexOf('(') + 1, line.lastIndexOf(')')).split(", ", -1);
    boolean call = line.startsWith("smc(");
    long[] numbers =
        Arrays.stream(words).skip(call ? 1 : 0).mapToLong(w -> Long.decode(w)).toArray();
    return call ? smc(pe, words[0], numbers) : write(numbers);
  }

  private String smc(Pe pe, String name, long[] operands) {
    Rmi2Command command =
        Rmi2Command.rows().stream()
            .filter(c -> c.callName().equals(name))
            .findFirst()
            .orElseThrow(() -> new IllegalArgumentException("no command " + name));
    return Status.name(rmm.call(pe, command.number(), operands));
  }

  /** ns_write(page, width, offset, value). */
  private String write(long[] n) {
    for (int b = 0; b < n[1]; b++) {
      memory.writeByte(n[0] + n[2] + b, (int) (n[3] >>> (8 * b)) & 0xff);
    }
    return "";
  }

  @Override
  public List<Part> parts() {
    return parts;
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
