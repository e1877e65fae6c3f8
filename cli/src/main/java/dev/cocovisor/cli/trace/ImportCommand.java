package dev.cocovisor.cli.trace;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.OutputFile;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.live.strace.ImportSummary;
import dev.cocovisor.live.strace.StraceImport;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Makes a call log of what strace printed of a VMM. */
@Command(
    name = "import",
    mixinStandardHelpOptions = true,
    description = {
      "Makes a call log of what strace printed of a VMM, for replay.",
      "Best traced by: strace -f -y -s 64 -X raw -o FILE COMMAND"
    })
public final class ImportCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(
      arity = "1..*",
      paramLabel = "STRACE",
      description = "What strace printed, plain or packed by gzip; several files are one trace.")
  private List<Path> files = List.of();

  @Option(
      names = {"-o", "--out"},
      paramLabel = "LOG",
      description = "Write the log here (packed if it ends in .gz); without it, only count.")
  private @Nullable Path out;

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  @Option(names = "--force", description = "Overwrite the log if it is there.")
  private boolean force;

  public ImportCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    for (Path file : files) {
      if (!Files.isRegularFile(file)) {
        throw new UsageException(file + ": no such file");
      }
    }
    if (out != null) {
      OutputFile.check("--out", out, force);
    }
    var importer = new StraceImport();
    importer.read(files.stream().map(LogSource::file).toList());
    ImportSummary s;
    try (Writer to = out == null ? Writer.nullWriter() : LogFiles.create(out)) {
      s = importer.write(to);
    }
    if (json) {
      console.json(document(s));
      return ExitCode.CLEAN;
    }
    s.lost().forEach((what, n) -> console.out().printf("%6d  %s%n", n, what));
    if (!s.lost().isEmpty()) {
      console
          .out()
          .println(
              "        strace does not tell these, nor what the guest touched; instead run:"
                  + " cocovisor record -o LOG -- COMMAND");
    }
    console
        .out()
        .println(
            "lines=%d calls=%d dropped=%d undecoded=%d"
                .formatted(s.lines(), s.calls(), s.dropped(), s.undecoded()));
    return ExitCode.CLEAN;
  }

  private static Map<String, Object> document(ImportSummary s) {
    var doc = new LinkedHashMap<String, Object>();
    doc.put("format", "cocovisor.import");
    doc.put("version", 1);
    doc.put("lines", s.lines());
    doc.put("calls", s.calls());
    doc.put("dropped", s.dropped());
    doc.put("undecoded", s.undecoded());
    doc.put("lost", s.lost());
    return doc;
  }
}
