package dev.cocovisor.live.kvm;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.script.text.LogWriter;
import java.io.IOException;
import java.util.function.Consumer;

/**
 * Sets kernel and model side by side: what the kernel answered to a program is replayed on the
 * model, set up as the machine is.
 */
public final class LiveCheck implements LiveRun.Output {
  private final String log;
  private final KvmLogReplayer model;
  private final Consumer<Mismatch> told;
  private long different;

  /**
   * Prepares a check.
   *
   * @param log the name of the log
   * @param told takes each difference: what the kernel answered as expected, what the model did as
   *     got
   */
  public LiveCheck(String log, KvmLogReplayer model, Consumer<Mismatch> told) {
    this.log = log;
    this.model = model;
    this.told = told;
  }

  /** Returns how many answers differed so far. */
  public long different() {
    return different;
  }

  @Override
  public boolean program(LiveRun.Answered program) throws IOException {
    var text = new StringBuilder("# program ").append(program.number()).append('\n');
    program.calls().forEach(c -> text.append(LogWriter.line(c)).append('\n'));
    var _ =
        model.replay(
            LogSource.text(log, text.toString()),
            new ReplayOptions(-1, 0),
            m -> {
              different++;
              // The text has a line for the program before the calls.
              int source =
                  program.sources().get(Math.clamp(m.line() - 2, 0, program.sources().size() - 1));
              told.accept(
                  Mismatch.in(log, source)
                      .withProgram(program.number())
                      .withCall(m.call())
                      .withAnswers(m.expected(), m.got()));
            });
    return true;
  }
}
