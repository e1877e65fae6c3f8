package dev.cocovisor.cli;

import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.log.LogWriter;
import dev.cocovisor.core.log.ProgramGenerator;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.zip.GZIPOutputStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Runs random programs on the model and saves them with their answers. */
@Command(
    name = "generate",
    mixinStandardHelpOptions = true,
    description = {
      "Runs random programs on the model and saves them with their answers, as a log that",
      "replays. One seed always gives one log."
    })
final class GenerateCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(paramLabel = "LOG", description = "The log to write; packed if it ends in .gz.")
  private Path file = Path.of("");

  @Option(names = "--programs", paramLabel = "N", defaultValue = "100", description = "How many.")
  private int programs;

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "1",
      description = "Names the programs.")
  private long seed;

  @Option(
      names = "--length",
      paramLabel = "N",
      defaultValue = "50",
      description = "About how many calls in a program.")
  private int length;

  @Option(names = "--shadow", description = "On a host without the TDP MMU.")
  private boolean shadow;

  GenerateCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    if (programs < 1 || length < 1) {
      throw new UsageException("--programs and --length take numbers from 1");
    }
    long[] lines = new long[1];
    boolean pack = file.toString().endsWith(".gz");
    try (OutputStream raw = Files.newOutputStream(file);
        OutputStream packed = pack ? new GZIPOutputStream(raw) : raw;
        var out =
            new BufferedWriter(new OutputStreamWriter(packed, StandardCharsets.UTF_8), 1 << 16)) {
      out.write("# Answers of the model, " + programs + " random programs, seed " + seed + "\n");
      for (int i = 0; i < programs; i++) {
        out.write("\n# program " + i + "\n");
        ProgramGenerator.generate(
            seed * 1_000_003L + i,
            HostConfig.DEFAULT.withTdpMmu(!shadow),
            length,
            call -> {
              try {
                out.write(LogWriter.line(call));
                out.write('\n');
                lines[0]++;
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            },
            _ -> {});
      }
    }
    console.out().println("programs=" + programs + " calls=" + lines[0] + " log=" + file);
    return ExitCode.CLEAN;
  }
}
