import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.tck.RuleList;
import dev.cocovisor.tck.TckRun;
import dev.cocovisor.tck.report.RuleResult;
import dev.cocovisor.tck.subject.JudgedBackend;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.ClassNameFilter;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * One judge over one set of classes: ends the process at the first thing that is wrong.
 *
 * <p>{@code unit FOLDER [PATTERN]}, {@code replay LOG…} or {@code kit BACKEND…}; {@code failing
 * FOLDER FILE} runs unit tests to their end and writes the names of those that fail, which {@code
 * unit} leaves out with {@code -Dcocovisor.judge.without=FILE}. Prints {@code at NAME} before each
 * step and {@code killed NAME} before it ends with 1; ends with 0 if nothing was wrong.
 */
final class Judge {
  /** Tests that replay logs, which are the other judge's, and those that read sources. */
  private static final String[] NOT_UNIT = {
    ".*(Architecture|NeutralModules|Recordings|RecordedLog|ScenarioLogs|LogReplay|RuleLog"
        + "|RulePrograms|DamagedLog|Defects|StatusNumbers|Glossary|Docs|Mutants).*"
  };

  private static final PrintStream OUT = System.out;

  private static final Technologies TECHNOLOGIES =
      Technologies.of(ServiceLoader.load(Backend.class));

  public static void main(String[] args) throws Exception {
    System.setOut(System.err);
    List<String> what = Arrays.asList(args).subList(1, args.length);
    switch (args[0]) {
      case "unit" -> unit(Path.of(what.get(0)), what.size() > 1 ? what.get(1) : ".*");
      case "failing" -> {
        List<String> failed = new ArrayList<>();
        tests(Path.of(what.get(0)), ".*", failed::add);
        Files.write(Path.of(what.get(1)), failed);
      }
      case "replay" -> replay(what);
      case "kit" -> kit(what);
      default -> throw new IllegalArgumentException(args[0]);
    }
    end(0);
  }

  private static void say(String word, String name) {
    OUT.println(word + " " + name.replaceAll("\\s+", " "));
    OUT.flush();
  }

  private static void killed(String by) {
    say("killed", by);
    end(1);
  }

  private static void end(int code) {
    OUT.flush();
    Runtime.getRuntime().halt(code);
  }

  private static void unit(Path folder, String pattern) throws IOException {
    String without = System.getProperty("cocovisor.judge.without");
    Set<String> left =
        without == null ? Set.of() : Set.copyOf(Files.readAllLines(Path.of(without)));
    tests(
        folder,
        pattern,
        name -> {
          if (!left.contains(name)) {
            killed(name);
          }
        });
  }

  private static void tests(Path folder, String pattern, Consumer<String> failed) {
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(DiscoverySelectors.selectClasspathRoots(Set.of(folder)))
            .filters(
                TagFilter.excludeTags("slow"),
                ClassNameFilter.includeClassNamePatterns(pattern),
                ClassNameFilter.excludeClassNamePatterns(NOT_UNIT))
            .build();
    var ran = new AtomicInteger();
    LauncherFactory.create()
        .execute(
            request,
            new TestExecutionListener() {
              @Override
              public void executionStarted(TestIdentifier test) {
                if (test.isTest()) {
                  ran.incrementAndGet();
                  say("at", name(test));
                }
              }

              @Override
              public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                if (result.getStatus() == TestExecutionResult.Status.FAILED) {
                  failed.accept(name(test));
                }
              }
            });
    if (ran.get() == 0) {
      throw new IllegalStateException("no test matches " + pattern);
    }
  }

  private static String name(TestIdentifier test) {
    return test.getSource()
        .filter(MethodSource.class::isInstance)
        .map(MethodSource.class::cast)
        .map(m ->
            m.getClassName().substring(m.getClassName().lastIndexOf('.') + 1)
                + "."
                + m.getMethodName())
        .orElse(test.getDisplayName());
  }

  private static void replay(List<String> logs) throws Exception {
    List<LogReplayer> replayers = new ArrayList<>();
    replayers.add(new KvmLogReplayer(TECHNOLOGIES));
    for (Backend b : TECHNOLOGIES.backends()) {
      replayers.addAll(b.replayers());
    }
    for (String log : logs) {
      String plain = log.replaceAll("\\.gz$", "");
      for (LogReplayer r : replayers) {
        if (plain.endsWith("." + r.suffix())) {
          String short_ = log.substring(log.indexOf("conformance/") + "conformance/".length());
          say("at", short_);
          try {
            var _ =
                r.replay(
                    LogSource.file(Path.of(log)),
                    ReplayOptions.ALL,
                    m -> killed(short_ + " program " + m.program() + ": " + call(m.call())));
          } catch (RuntimeException | Error e) {
            killed(short_ + ": " + e);
          }
        }
      }
    }
  }

  private static String call(String text) {
    int end = text.indexOf('(');
    return end < 0 ? text.split(" ")[0] : text.substring(0, end);
  }

  private static void kit(List<String> ids) {
    for (String one : ids) {
      String id = one.replaceAll(":.*", "");
      Map<String, String> settings =
          one.contains(":")
              ? Map.of(one.replaceAll(".*:|=.*", ""), one.replaceAll(".*=", ""))
              : Map.of();
      Backend backend =
          TECHNOLOGIES.backends().stream()
              .filter(b -> b.info().id().equals(id))
              .findFirst()
              .orElseThrow();
      var _ =
          TckRun.run(
              JudgedBackend.of(backend).withSettings(settings),
              RuleList.ids(List.of()),
              Duration.ofSeconds(600),
              r -> {
                say("at", one + " " + r.id());
                if (r.outcome() == RuleResult.Outcome.FAILED) {
                  killed(r.id() + " " + r.name() + " (" + one + ")");
                }
              });
    }
  }

  private Judge() {}
}
