package dev.cocovisor.cca.rmilog;

import static dev.cocovisor.cca.rmilog.ExitPage.hex;

import dev.cocovisor.cca.rmm.Rmm;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.RmiCall;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.run.RealmSide;
import dev.cocovisor.cca.rmm.run.RsiCall;
import dev.cocovisor.cca.rmm.table.Steps;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * One program of a log on a fresh RMM: carries a line out and says what its result should read.
 *
 * <p>The host's PE runs the REC; calls by other PEs while it runs use another one.
 */
final class RmiProgram {
  private static final int SCANNED_GRANULES = 4096;
  private static final int ENTER_REGISTERS = 8;
  private static final int MAX_OPERANDS = 5;
  private final WatchedMemory memory = new WatchedMemory();
  private final Rmm rmm;
  private final RmmVersion version;
  private final Map<String, RmiCall> commands = new TreeMap<>();
  private final Deltas deltas;
  private final Pe host = new Pe();
  private final Pe other = new Pe();
  private final IrqSampling sampling = new IrqSampling();

  // The REC that runs; 0 for none.
  private long running;
  private long exitStatus;

  /** Set between the line that ends a run and its exit line, which tells what the run changed. */
  private boolean exitDue;

  RmiProgram(RmmVersion version, Safeguards safeguards, Steps steps) {
    this.version = version;
    rmm = version.create(memory, safeguards, steps);
    rmm.calls().forEach(c -> commands.put(c.callName(), c));
    deltas = new Deltas(rmm.granules(), rmm.view(), memory, SCANNED_GRANULES);
    host.setInterrupts(sampling);
    other.setInterrupts(sampling);
  }

  /** Carries a call out and returns the result a log would show. */
  String perform(Line line) {
    return switch (line.name()) {
      case "ns_write" -> write(line);
      case "ns_fill" -> fill(line);
      case "ns_read" -> hex(read(line.argument(0) + line.argument(2), width(line)));
      case "irq" -> irq(line);
      case "smc" -> smc(line);
      case "rsi" -> rsi(line);
      case "realm" -> interrupt(line);
      case "exit" -> exit(line);
      case "granules" -> deltas.granules().substring("granules() = ".length());
      default -> throw line.error(0, "a call of the rmilog grammar");
    };
  }

  /** Returns the lines that should tell what the last call changed. */
  List<String> changes() {
    return exitDue ? List.of() : deltas.take();
  }

  private String exit(Line line) {
    exitDue = false;
    return ExitPage.describe(memory, line.argument(0), exitStatus, version);
  }

  private String write(Line line) {
    int width = width(line);
    long at = line.argument(0) + line.argument(2);
    for (int i = 3; i < line.count(); i++, at += width) {
      for (int b = 0; b < width; b++) {
        memory.writeByte(at + b, (int) (line.argument(i) >>> (8 * b)));
      }
    }
    return "0x0";
  }

  private String fill(Line line) {
    long page = line.argument(0);
    int value = (int) line.argument(1);
    for (int i = 0; i < 4096; i++) {
      memory.writeByte(page + i, value);
    }
    return "0x0";
  }

  private static int width(Line line) {
    long width = line.argument(1);
    if (width != 1 && width != 2 && width != 4 && width != 8) {
      throw line.error(0, "a width of 1, 2, 4 or 8 bytes");
    }
    return (int) width;
  }

  private long read(long at, int width) {
    long v = 0;
    for (int b = width - 1; b >= 0; b--) {
      v = v << 8 | memory.readByte(at + b);
    }
    return v;
  }

  private String irq(Line line) {
    sampling.at(line.argument(0));
    return "0x0";
  }

  private String smc(Line line) {
    RmiCall command = commands.get(line.word());
    if (command == null) {
      throw line.error(line.name().length() + 1, "a command of " + version.title());
    }
    Pe pe = running == 0 ? host : other;
    boolean enters = command.callName().equals("RMI_REC_ENTER");
    if (!enters) {
      memory.watch();
    }
    long x0 = rmm.call(pe, command.number(), line.arguments(MAX_OPERANDS));
    if (sampling.missed()) {
      return "no sampling for irq(" + hex(sampling.planned()) + ")";
    }
    if (enters) {
      exitStatus = x0;
      if (pe.entered()) {
        running = line.argument(0);
        return "enter " + registers(0, ENTER_REGISTERS);
      }
    }
    StringBuilder s = new StringBuilder(hex(x0));
    for (int i = 1; i <= command.outputs(); i++) {
      s.append(i == 1 ? " {" : ", ").append(hex(pe.x(i)));
    }
    return command.outputs() == 0 ? s.toString() : s.append('}').toString();
  }

  private String rsi(Line line) {
    RsiCall call;
    try {
      call = RsiCall.valueOf(line.word().toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw line.error(line.name().length() + 1, "a call of RSI or PSCI");
    }
    requireRunning(line);
    RealmSide.Outcome outcome = rmm.realmSide().call(host, running, call.fid(), line.arguments(10));
    if (outcome.exited()) {
      return exited(outcome);
    }
    String x0 = hex(rmm.realmSide().register(running, 0));
    return call.outputs() == 0 ? x0 : x0 + " " + registers(1, call.outputs());
  }

  private String interrupt(Line line) {
    requireRunning(line);
    boolean fast = line.word().equals("FIQ");
    if (!fast && !line.word().equals("IRQ")) {
      throw line.error(line.name().length() + 1, "IRQ or FIQ");
    }
    return exited(rmm.realmSide().interrupt(running, fast));
  }

  private String exited(RealmSide.Outcome outcome) {
    exitStatus = outcome.status();
    running = 0;
    exitDue = true;
    return "exit";
  }

  private void requireRunning(Line line) {
    if (running == 0) {
      throw line.error(0, "no realm action while no REC runs");
    }
  }

  private String registers(int first, int n) {
    StringBuilder s = new StringBuilder("{");
    for (int i = 0; i < n; i++) {
      s.append(i == 0 ? "" : ", ").append(hex(rmm.realmSide().register(running, first + i)));
    }
    return s.append('}').toString();
  }
}
