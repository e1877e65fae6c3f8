package dev.cocovisor.script.scenario;

import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How long the files are that a program maps and never sizes, although its answers show that they
 * reach: recorders that prepare a file keep its ftruncate out of the log.
 *
 * <p>An access behind a file's end is SIGBUS. So a load or store inside the mapping that was
 * answered otherwise tells that the file was as long as its mapping; without one nothing is
 * supposed, and an empty file stays empty.
 */
public final class UnwrittenSizes {
  /** A file that was mapped: the call that mapped it, and what a mapping of it needs. */
  private record Mapped(long fd, int index, long start, long end, long size) {}

  private final Map<Integer, Mapped> first = new HashMap<>();

  /** Looks through all lines of a program. */
  public UnwrittenSizes(List<ScenarioLine> program) {
    Map<Long, Mapped> files = new HashMap<>();
    Set<Long> opened = new HashSet<>();
    for (int i = 0; i < program.size(); i++) {
      ScenarioLine line = program.get(i);
      if (!(line.step() instanceof Step.Call(KvmCall call))) {
        continue;
      }
      switch (call) {
        case KvmCall.MemfdCreate _, KvmCall.Open _ -> opened.add(named(line.call().result()));
        case KvmCall.Ftruncate c -> opened.remove(c.fd());
        case KvmCall.Mmap c when opened.remove(c.fd()) ->
            files.put(
                c.fd(), new Mapped(c.fd(), i, c.addr(), c.addr() + c.len(), c.off() + c.len()));
        case KvmCall.HostRead c -> seen(files, c.addr(), line.call().result());
        case KvmCall.HostWrite c -> seen(files, c.addr(), line.call().result());
        default -> {}
      }
    }
  }

  private static long named(@Nullable LogResult result) {
    return result != null && result.value() instanceof Value.Num n ? n.value() : -1;
  }

  private void seen(Map<Long, Mapped> files, long addr, @Nullable LogResult result) {
    if (result != null && !result.error().equals("SIGBUS")) {
      for (Mapped m : files.values()) {
        if (addr >= m.start && addr < m.end) {
          first.put(m.index, m);
        }
      }
    }
  }

  /** Returns the size a file has when the call of this index maps it, or 0 if that is unknown. */
  public long at(int index) {
    Mapped m = first.get(index);
    return m == null ? 0 : m.size;
  }
}
