package dev.cocovisor.cli.trace;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.live.trace.Recorder;
import dev.cocovisor.live.trace.RecordingHost;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Runs a VMM and records what it does to KVM and guest memory. */
@Command(
    name = "record",
    mixinStandardHelpOptions = true,
    description = {
      "Runs a VMM under ptrace and records its calls to KVM and on guest memory, for replay.",
      "Ctrl-C ends the log cleanly. What guests touch is recorded where tracefs can be read (root)."
    })
public final class RecordCommand implements Callable<Integer> {
  private static final int GRACE_SECONDS = 20;

  private final Console console;

  @Option(
      names = {"-o", "--out"},
      paramLabel = "LOG",
      defaultValue = "vmm.kvmlog",
      description = "Where to write the log, packed if it ends in .gz (default: ${DEFAULT-VALUE}).")
  private Path out = Path.of("vmm.kvmlog");

  @Option(
      names = "--pid",
      paramLabel = "PID",
      description = "Record a process that runs already, until it ends or Ctrl-C.")
  private int pid;

  @Option(
      names = "--seconds",
      paramLabel = "N",
      description = "End the command (or let go of the process) after N seconds.")
  private int seconds;

  @Option(
      names = "--every-call",
      description = "Stop at every system call instead of filtering by seccomp: slower.")
  private boolean everyCall;

  @Option(names = "--no-touches", description = "Do not record what guests touch.")
  private boolean noTouches;

  @Parameters(paramLabel = "COMMAND", description = "The VMM and its arguments, behind --.")
  private List<String> command = List.of();

  public RecordCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    if (command.isEmpty() == (pid == 0) || pid < 0 || seconds < 0) {
      throw new UsageException(
          "record takes a command behind --, or --pid; as: cocovisor record -o vmm.kvmlog --"
              + " qemu-system-x86_64 -accel kvm");
    }
    String refused = RecordingHost.refusal();
    if (refused != null) {
      throw new UsageException("cannot record here: " + refused);
    }
    try (var recorder = new Recorder()) {
      return record(recorder);
    }
  }

  private int record(Recorder recorder) throws IOException {
    var written = new CountDownLatch(1);
    var hook = new Thread(() -> end(recorder, written), "end of recording");
    Runtime.getRuntime().addShutdownHook(hook);
    Thread timer = timer(recorder);
    long began = System.nanoTime();
    try {
      boolean started =
          command.isEmpty()
              ? recorder.attach(pid, !noTouches)
              : recorder.run(command, !everyCall, !noTouches);
      if (!started) {
        throw new UsageException(
            command.isEmpty()
                ? "process " + pid + " cannot be traced: it must exist and be yours"
                : command.getFirst() + " cannot be started under ptrace");
      }
      double took = (System.nanoTime() - began) / 1e9;
      long calls;
      try (Writer to = LogFiles.create(out)) {
        to.write(RecordingHost.remarks(command, recorder.seesTouches()));
        calls = recorder.traces().write(to, List.of(RecordingHost.header()));
      }
      report(recorder, calls, took);
      return ExitCode.CLEAN;
    } finally {
      written.countDown();
      timer.interrupt();
    }
  }

  private void report(Recorder recorder, long calls, double took) throws IOException {
    if (!recorder.seesTouches() && !noTouches) {
      console
          .err()
          .println(
              "what guests touched was not recorded: it takes root and a tracefs (mount -t tracefs"
                  + " none /sys/kernel/tracing)");
    }
    if (calls == 0) {
      console.err().println("the command never had to do with /dev/kvm");
    }
    recorder
        .traces()
        .undecoded()
        .forEach(
            (what, n) -> console.out().printf("%6d  %s: an address, not the structure%n", n, what));
    console
        .out()
        .println(
            "programs=%d calls=%d touches=%d stops=%d seconds=%.1f bytes=%d exit=%d"
                .formatted(
                    recorder.traces().programs().size(),
                    calls,
                    recorder.touches(),
                    recorder.stops(),
                    took,
                    Files.size(out),
                    recorder.exitStatus()));
  }

  /** On Ctrl-C the log is written before the program ends. */
  private static void end(Recorder recorder, CountDownLatch written) {
    recorder.stop();
    try {
      var _ = written.await(GRACE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private Thread timer(Recorder recorder) {
    return Thread.ofPlatform()
        .daemon()
        .name("recording time")
        .start(() -> {
          try {
            Thread.sleep(seconds == 0 ? Long.MAX_VALUE : seconds * 1000L);
            recorder.stop();
          } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
          }
        });
  }
}
