package dev.cocovisor.script.scenario;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogLine;
import dev.cocovisor.script.text.LogReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.AbstractList;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The lines of a program that is too long to be kept: they are read from the log again whenever
 * somebody goes through them, a few at a time. Going on to the next line costs that line, going
 * back costs the log.
 */
final class LongProgram extends AbstractList<ScenarioLine> {
  /** How many lines behind the last one can be looked at again without reading anew. */
  private static final int WINDOW = 8;

  private final LogSource log;
  private final int firstLine;
  private final int size;
  private final Supplier<ProgramBuilder> builders;
  private final Deque<ScenarioLine> window = new ArrayDeque<>();
  private Cursor cursor;
  private int ahead;

  /**
   * Prepares.
   *
   * @param log opened anew for each reading
   * @param firstLine the line of the program's first call, from 1
   * @param size how many lines the program has
   * @param builders make what understands the lines, as it did when they were counted
   */
  LongProgram(LogSource log, int firstLine, int size, Supplier<ProgramBuilder> builders) {
    this.log = log;
    this.firstLine = firstLine;
    this.size = size;
    this.builders = builders;
    this.cursor = new Cursor();
  }

  @Override
  public int size() {
    return size;
  }

  @Override
  public ScenarioLine get(int index) {
    if (index < ahead - window.size()) {
      cursor = new Cursor();
      window.clear();
      ahead = 0;
    }
    while (ahead <= index) {
      window.addLast(cursor.next());
      ahead++;
      if (window.size() > WINDOW) {
        window.removeFirst();
      }
    }
    Iterator<ScenarioLine> back = window.descendingIterator();
    ScenarioLine line = back.next();
    for (int i = ahead - 1; i > index; i--) {
      line = back.next();
    }
    return line;
  }

  @Override
  public Iterator<ScenarioLine> iterator() {
    return new Cursor();
  }

  /** One way through the program. */
  private final class Cursor implements Iterator<ScenarioLine> {
    private final Deque<ScenarioLine> ready = new ArrayDeque<>();
    private final ProgramBuilder builder = builders.get();
    private @Nullable LogReader reader;
    private boolean ended;

    @Override
    public boolean hasNext() {
      try {
        while (ready.isEmpty() && !ended) {
          read();
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return !ready.isEmpty();
    }

    private void read() throws IOException {
      LogReader from = reader;
      if (from == null) {
        from = new LogReader(log);
        from.skipTo(firstLine);
        reader = from;
      }
      LogLine line = from.next();
      if (line instanceof LogCall call) {
        builder.add(call);
        ready.addAll(builder.settled());
      } else if (line == null || line instanceof LogLine.ProgramStart) {
        ended = true;
        ready.addAll(builder.take());
        from.close();
      }
    }

    @Override
    public ScenarioLine next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return ready.removeFirst();
    }
  }
}
