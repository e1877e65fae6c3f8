package dev.cocovisor.bugs.entry;

import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.ReplayOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/**
 * A bug of a trusted half whose scenario is a log of calls into it: where the bug is, the log is
 * answered otherwise, or something throws.
 */
public abstract class LogBug extends Bug {
  /** Describes a bug; see {@link Bug}. */
  protected LogBug(String id, Area area, String technology, String fix, String mechanism) {
    super(id, area, technology, fix, mechanism);
  }

  /** Returns what replays the log, with the bug or without it. */
  protected abstract LogReplayer replayer(boolean there);

  @Override
  protected final String suffix() {
    return replayer(false).suffix();
  }

  /** Returns what replays recordings against a trusted half that has the bug, or has it not. */
  public final LogReplayer replaying(boolean there) {
    return replayer(there);
  }

  /** Replays the log and returns what was otherwise, in words. */
  public final List<String> differences(boolean there) {
    var all = new ArrayList<String>();
    try {
      var _ =
          replayer(there)
              .replay(
                  LogSource.text(scenarioName(), scenario()),
                  new ReplayOptions(-1, 0),
                  m ->
                      all.add(
                          "line %d: %s = %s, expected %s"
                              .formatted(m.line(), m.call(), m.got(), m.expected())));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (RuntimeException e) {
      all.add(String.valueOf(e.getMessage()));
    }
    return all;
  }
}
