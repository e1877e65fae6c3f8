package dev.cocovisor.live.strace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.script.call.CallDecoder;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.Symbols;
import dev.cocovisor.script.call.Words;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogLine;
import dev.cocovisor.script.text.LogReader;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * One small VMM (a thread, a child that is handed descriptors, another program) traced by strace
 * 5.10, 6.1 and 7.2 with every option that changes how lines look: the same calls come out of all.
 */
class StraceOptionsTest {
  private static final Path FOLDER =
      Path.of(System.getProperty("cocovisor.root"), "conformance/strace/options");

  /** Returns the traces by name; the files of one made with -ff are one. */
  static List<String> traces() throws IOException {
    try (Stream<Path> files = Files.list(FOLDER)) {
      return files
          .map(f -> f.getFileName().toString())
          .filter(f -> f.contains(".strace"))
          .map(f -> f.substring(0, f.indexOf(".strace")))
          .distinct()
          .sorted()
          .toList();
    }
  }

  private static String log(String trace) throws IOException {
    var importer = new StraceImport();
    try (Stream<Path> files = Files.list(FOLDER)) {
      importer.read(
          files
              .filter(f -> f.getFileName().toString().startsWith(trace + ".strace"))
              .sorted()
              .map(LogSource::file)
              .toList());
    }
    var out = new StringBuilder();
    ImportSummary s = importer.write(out);
    assertThat(s.calls()).isEqualTo(114);
    assertThat(s.undecoded()).isEqualTo(5);
    return out.toString();
  }

  private static List<String> calls(String log) throws IOException {
    var calls = new ArrayList<String>();
    for (LogLine line : LogReader.readAll(LogSource.text("log", log))) {
      if (line instanceof LogCall call && !call.name().equals("host_config")) {
        calls.add(meaning(call));
      }
    }
    return calls;
  }

  private static String meaning(LogCall call) {
    LogResult result = call.result();
    String end =
        result == null
            ? "?"
            : result.isError() ? result.error() : String.valueOf(Symbols.number(result.value()));
    KvmCall meant = null;
    try {
      meant = CallDecoder.decode("", call, Words.KERNEL);
    } catch (LogSyntaxException _) {
      // An address where strace decodes no structure.
    }
    String what =
        meant == null || meant instanceof KvmCall.VendorIoctl
            ? call.name() + " " + Symbols.ioctlName(call.args().get(1))
            : meant.toString();
    return what + " = " + end;
  }

  @ParameterizedTest
  @MethodSource("traces")
  void theSameCallsComeOutOfEveryTrace(String trace) throws IOException {
    String log = log(trace);
    assertThat(calls(log)).isEqualTo(calls(log("6.1-y")));
    var found = new ArrayList<Mismatch>();
    var _ =
        new KvmLogReplayer(Technologies.builtIn())
            .passingOver(_ -> {})
            .replay(LogSource.text(trace, log), ReplayOptions.ALL, found::add);
    assertThat(found).isEmpty();
  }
}
