package dev.cocovisor.cli.campaign;

import dev.cocovisor.campaign.Folder;
import dev.cocovisor.campaign.cluster.Visitor;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Ends a campaign; what was made is kept. */
@Command(
    name = "stop",
    mixinStandardHelpOptions = true,
    description =
        "Ends a campaign; what was made is kept, and running it again goes on from there.")
public final class CampaignStopCommand implements Callable<Integer> {
  private final Console console;

  @Mixin private WhichCampaign which = new WhichCampaign();

  CampaignStopCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    Path folder = which.folder();
    if (folder != null) {
      Folder.stop(folder);
    } else {
      try (Visitor visitor = which.visit()) {
        visitor.stop();
      }
    }
    console.out().println("asked to stop; 'campaign status' says when it did");
    return ExitCode.CLEAN;
  }
}
