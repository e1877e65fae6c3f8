package dev.cocovisor.cli.print;

import dev.cocovisor.report.results.Case;
import dev.cocovisor.report.results.JunitXml;
import dev.cocovisor.report.results.Ktap;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options by which a command writes its verdicts for machines. */
public final class VerdictOptions {
  @Option(
      names = "--ktap",
      paramLabel = "FILE",
      description = "Write the verdicts as KTAP; where tck judges several, %%s is the name.")
  private @Nullable Path ktap;

  @Option(names = "--xml", paramLabel = "FILE", description = "Write the verdicts as JUnit XML.")
  private @Nullable Path xml;

  /** Tells whether verdicts are to be written at all. */
  public boolean wanted() {
    return ktap != null || xml != null;
  }

  /** Refuses files that are there; to be asked before the work begins. */
  public void check(PageOptions pages) {
    pages.check("--ktap", ktap);
    pages.check("--xml", xml);
  }

  /**
   * Writes what is wanted.
   *
   * @param suite the name of all cases together
   * @param head lines that head the KTAP
   * @param foot the line that ends it
   */
  public void write(String suite, List<String> head, List<Case> cases, String foot)
      throws IOException {
    write(suite, head, cases, foot, "");
  }

  /** As {@link #write(String, List, List, String)}; {@code %s} in a file's name is {@code part}. */
  public void write(String suite, List<String> head, List<Case> cases, String foot, String part)
      throws IOException {
    if (ktap != null) {
      OutputFile.write(named(ktap, part), Ktap.of(head, cases, foot));
    }
    if (xml != null) {
      OutputFile.write(named(xml, part), JunitXml.of(suite, cases));
    }
  }

  private static Path named(Path file, String part) {
    return Path.of(file.toString().replace("%s", part));
  }
}
