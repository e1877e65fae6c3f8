package dev.cocovisor.bench;

import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.script.replay.KvmLogReplayer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Time to replay a whole recording, unpacking and parsing included. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class Replay {
  /** The recording. */
  @Param({
    "kvm-x86-7.3.kvmlog.gz",
    "pkvm-arm64-7.3.kvmlog.gz",
    "tdx-module-1.5.seamlog.gz",
    "rmm-1.0.rmilog.gz"
  })
  public String log = "";

  /** Replays it. */
  @Benchmark
  public ReplaySummary replay() throws IOException {
    List<LogReplayer> replayers = new ArrayList<>();
    replayers.add(new KvmLogReplayer(Setup.technologies()));
    Setup.technologies().backends().forEach(b -> replayers.addAll(b.replayers()));
    for (LogReplayer r : replayers) {
      if (log.endsWith("." + r.suffix() + ".gz")) {
        return r.replay(
            LogSource.file(Setup.file("conformance/" + log)), ReplayOptions.ALL, m -> {});
      }
    }
    throw new IllegalStateException("no replayer for " + log);
  }
}
