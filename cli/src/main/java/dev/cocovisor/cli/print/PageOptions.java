package dev.cocovisor.cli.print;

import dev.cocovisor.report.html.Page;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options by which a command writes a page, and may overwrite files. */
public final class PageOptions {
  @Option(
      names = "--html",
      paramLabel = "FILE",
      description = "Write a page that shows who owns what, step by step.")
  private @Nullable Path html;

  @Option(names = "--force", description = "Overwrite files that are there.")
  private boolean force;

  /** Tells whether a page is wanted. */
  public boolean wanted() {
    return html != null;
  }

  /** Tells whether files may be overwritten. */
  public boolean force() {
    return force;
  }

  /** Refuses a file that is there; to be asked before the work begins. */
  public void check() {
    check("--html", html);
  }

  /** As {@link #check()}, for a file of another option. */
  public void check(String option, @Nullable Path file) {
    if (file != null) {
      OutputFile.check(option, file, force);
    }
  }

  /** Writes the page, if it is wanted. */
  public void write(Page page) throws IOException {
    if (html != null) {
      OutputFile.write(html, page.html());
    }
  }
}
