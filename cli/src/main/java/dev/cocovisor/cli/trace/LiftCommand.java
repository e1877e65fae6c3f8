package dev.cocovisor.cli.trace;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.script.lift.LogLift;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Makes of one VMM's log a scenario for every technology. */
@Command(
    name = "lift",
    mixinStandardHelpOptions = true,
    description = {
      "Makes of the log of one VMM a scenario for every technology: what it plugged, converted,",
      "discarded and touched. Then: cocovisor compare SCENARIO"
    })
public final class LiftCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(arity = "1", paramLabel = "LOG", description = "A .kvmlog, plain or packed by gzip.")
  private Path log = Path.of("");

  @Option(
      names = {"-o", "--out"},
      paramLabel = "SCENARIO",
      description = "Write the scenario here instead of printing it.")
  private @Nullable Path out;

  public LiftCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    if (!Files.isRegularFile(log)) {
      throw new UsageException(log + ": no such file");
    }
    LogLift lift = LogLift.of(LogSource.file(log));
    if (lift.launched() == 0) {
      throw new UsageException(
          log
              + ": no VM in it that had memory and ran; a log made by cocovisor record has one, a"
              + " strace's structures may be missing (cocovisor import says which)");
    }
    String text = "# Lifted from " + log.getFileName() + " by cocovisor lift.\n\n" + lift.text();
    if (out == null) {
      console.out().print(text);
    } else {
      try (Writer to = LogFiles.create(out)) {
        to.write(text);
      }
    }
    (out == null ? console.err() : console.out())
        .println(
            "calls=%d unread=%d vms=%d steps=%d"
                .formatted(lift.calls(), lift.unread(), lift.launched(), lift.steps()));
    return ExitCode.CLEAN;
  }
}
