package dev.cocovisor.cli.campaign;

import dev.cocovisor.campaign.Folder;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Says how far a campaign is. */
@Command(
    name = "status",
    mixinStandardHelpOptions = true,
    description = "Says how far a campaign is: rate, what is left, coverage, findings, members.")
public final class CampaignStatusCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(paramLabel = "FOLDER", description = "The campaign's folder.")
  private Path folder = Path.of("");

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  CampaignStatusCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    String status = Folder.statusOf(folder);
    if (json) {
      console.out().print(status);
      return ExitCode.CLEAN;
    }
    JsonNode s = new JsonMapper().readTree(status);
    s.properties()
        .forEach(e -> {
          if (!e.getKey().equals("format") && !e.getKey().equals("version")) {
            console
                .out()
                .printf("%-17s %s%n", e.getKey().replace('_', ' '), e.getValue().asString());
          }
        });
    return ExitCode.CLEAN;
  }
}
