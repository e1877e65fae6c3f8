package dev.cocovisor.cli.campaign;

import dev.cocovisor.campaign.Folder;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Ends a campaign; what was made is kept. */
@Command(
    name = "stop",
    mixinStandardHelpOptions = true,
    description =
        "Ends a campaign; what was made is kept, and running it again goes on from there.")
public final class CampaignStopCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(paramLabel = "FOLDER", description = "The campaign's folder.")
  private Path folder = Path.of("");

  CampaignStopCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    Folder.stop(folder);
    console.out().println("asked to stop; 'campaign status " + folder + "' says when it did");
    return ExitCode.CLEAN;
  }
}
