package dev.cocovisor.cli.fuzz;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.log.MismatchSink;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.measure.MalformedVector;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.cli.CovePackage;
import dev.cocovisor.cli.measure.MeasureVectors;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.host.pack.PluginPackage;
import dev.cocovisor.live.strace.StraceImport;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioRun;
import dev.cocovisor.script.scenario.Standstill;
import dev.cocovisor.script.scenario.StepFailure;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.vmm.Technologies;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** All that reads inputs of others. */
final class Targets {
  /** Damaged numbers must not make a host of 1 TiB be filled: 256 MiB say as much. */
  private static final long FRAMES = 1 << 16;

  private static final Map<String, String> SETTINGS = Map.of("core.retries", "2000");

  private final Path root;
  private final Path folder;
  private final List<Backend> backends = new ArrayList<>();
  private final Technologies technologies;

  /**
   * @param root the repository
   * @param folder for inputs that have to be files
   */
  Targets(Path root, Path folder) {
    this.root = root;
    this.folder = folder;
    ServiceLoader.load(Backend.class).forEach(backends::add);
    technologies =
        Technologies.of(backends)
            .withHosts((config, present, trace) -> new Kvm(small(config), present, trace));
  }

  private static HostConfig small(HostConfig config) {
    return config.memoryFrames() > FRAMES ? config.withMemoryFrames(FRAMES) : config;
  }

  /** Returns them by name. */
  List<Target> all() throws IOException {
    var targets = new ArrayList<Target>();
    targets.add(
        new Target(
            "kvmlog",
            heads(logs(".kvmlog.gz", "conformance"), 60),
            in -> replayed(new KvmLogReplayer(technologies).withSettings(SETTINGS), in)));
    for (Backend b : backends) {
      for (LogReplayer r : b.replayers()) {
        List<Path> logs = logs("." + r.suffix() + ".gz", "conformance");
        targets.add(new Target(r.suffix(), heads(logs, 300), in -> replayed(r, in)));
      }
    }
    targets.add(new Target("scenario", whole(logs(".kvmlog", "examples")), this::ran));
    targets.add(
        new Target("strace", heads(logs(".strace.gz", "conformance/strace"), 120), this::imported));
    targets.add(new Target("vectors", parts(logs(".json", "conformance/vectors")), this::checked));
    List<byte[]> images = whole(logs(".fd", "conformance/vectors/images"));
    List<byte[]> packed = whole(logs(".igvm", "conformance/vectors/igvm"));
    for (Backend b : backends) {
      for (LaunchMeasurer m : b.measurers()) {
        for (String mode : m.modes()) {
          String kind = m.mainInput(mode);
          List<byte[]> some =
              kind.equals("igvm") ? packed : kind.equals("ovmf") ? images : List.of();
          targets.add(new Target(mode, some, in -> measured(m, mode, kind, in)));
        }
      }
    }
    targets.add(new Target("settings", settings(), this::set));
    Path packages = CovePackage.into(folder.resolve("cove"));
    targets.add(
        new Target(
            "package",
            List.of(Files.readAllBytes(packages.resolve(CovePackage.ID + "-1.0.0.jar"))),
            this::read));
    targets.removeIf(t -> t.corpus().isEmpty());
    return targets;
  }

  private List<Path> logs(String suffix, String under) throws IOException {
    try (Stream<Path> all = Files.walk(root.resolve(under))) {
      return all.filter(f -> f.toString().endsWith(suffix)).sorted().limit(80).toList();
    }
  }

  private static List<byte[]> whole(List<Path> files) throws IOException {
    var all = new ArrayList<byte[]>();
    for (Path f : files) {
      if (Files.size(f) <= 1 << 20) {
        all.add(Files.readAllBytes(f));
      }
    }
    return all;
  }

  /** The first lines of logs. */
  private static List<byte[]> heads(List<Path> files, int lines) throws IOException {
    var all = new ArrayList<byte[]>();
    for (Path f : files) {
      var text = new StringBuilder();
      try (BufferedReader in = LogSource.file(f).opener().open()) {
        String line = in.readLine();
        for (int i = 0; i < lines && line != null; i++, line = in.readLine()) {
          text.append(line).append('\n');
        }
      }
      all.add(text.toString().getBytes(StandardCharsets.UTF_8));
    }
    return all;
  }

  /** Vector files are long: what is damaged lies in the first 64 KiB, closed again by hand. */
  private static List<byte[]> parts(List<Path> files) throws IOException {
    var all = new ArrayList<byte[]>();
    for (Path f : files) {
      if (Files.size(f) <= 1 << 16) {
        all.add(Files.readAllBytes(f));
      }
    }
    return all;
  }

  private static LogSource log(byte[] input) {
    return LogSource.text("fuzzed", new String(input, StandardCharsets.UTF_8));
  }

  private static @Nullable String replayed(LogReplayer replayer, byte[] input) {
    try {
      var _ = replayer.replay(log(input), ReplayOptions.ALL, MismatchSink.NONE);
    } catch (LogSyntaxException | IOException e) {
      // Says what is wrong with the log.
    } catch (StepFailure e) {
      return judged(e);
    }
    return null;
  }

  private static @Nullable String judged(StepFailure e) {
    return e.getCause() instanceof Standstill ? null : String.valueOf(e);
  }

  private @Nullable String ran(byte[] input) {
    try {
      var scenario = Scenario.read(log(input), StepWords.of(technologies));
      String on = scenario.backends().isEmpty() ? null : scenario.backends().getFirst();
      if (on != null && technologies.find(on) == null) {
        return null;
      }
      try (var run = new ScenarioRun(scenario, technologies, on, SETTINGS)) {
        run.run(_ -> {});
      }
    } catch (LogSyntaxException | IOException e) {
      // Says what is wrong with the scenario.
    } catch (StepFailure e) {
      return judged(e);
    }
    return null;
  }

  private @Nullable String imported(byte[] input) {
    try {
      new StraceImport().read(List.of(log(input)));
    } catch (LogSyntaxException | IOException e) {
      // Says what is wrong with the strace.
    }
    return null;
  }

  private @Nullable String measured(LaunchMeasurer m, String mode, String kind, byte[] input)
      throws IOException {
    Path file = Files.write(folder.resolve("image"), input);
    var options = new HashMap<String, String>();
    options.put(kind, file.toString());
    Map.of("vcpus", "1", "vcpu-type", "EPYC", "policy", "0x30000")
        .forEach((name, value) -> {
          if (m.options(mode).containsKey(name)) {
            options.put(name, value);
          }
        });
    try {
      var _ = m.measure(mode, options, StepSink.NONE);
    } catch (MeasureException e) {
      // Says what is wrong with the image.
    }
    return null;
  }

  /** The first cases of a vector file: the others are read the same way. */
  private @Nullable String checked(byte[] input) throws IOException {
    Path file = Files.write(folder.resolve("v.json"), input);
    try {
      Map<String, ?> document = MeasureVectors.read(file);
      String kind = String.valueOf(document.get("kind"));
      List<?> cases = document.get("cases") instanceof List<?> all ? all : List.of();
      for (Object one : cases.subList(0, Math.min(2, cases.size()))) {
        check(kind, one);
      }
    } catch (UsageException | MalformedVector | MeasureException e) {
      // Says what is wrong with the file.
    }
    return null;
  }

  @SuppressWarnings("unchecked") // a JSON object's keys are strings
  private void check(String kind, Object one) {
    for (Backend b : backends) {
      for (LaunchMeasurer m : b.measurers()) {
        if (m.understands(kind) && one instanceof Map<?, ?> map) {
          var _ = m.check((Map<String, ?>) map, root.resolve("conformance/vectors"));
        }
      }
    }
  }

  private List<byte[]> settings() {
    return technologies.settings().stream()
        .map(s -> (s.name() + "=" + s.byDefault()).getBytes(StandardCharsets.UTF_8))
        .toList();
  }

  private @Nullable String set(byte[] input) {
    String text = new String(input, StandardCharsets.UTF_8);
    int equals = text.indexOf('=');
    String name = equals < 0 ? text : text.substring(0, equals);
    try {
      Setting setting = technologies.setting(name);
      var _ = setting.checked(text.substring(equals + 1));
    } catch (IllegalArgumentException e) {
      // Says what is wrong with it.
    }
    return null;
  }

  private @Nullable String read(byte[] input) throws IOException {
    var _ = PluginPackage.read(Files.write(folder.resolve("p.zip"), input));
    return null;
  }
}
