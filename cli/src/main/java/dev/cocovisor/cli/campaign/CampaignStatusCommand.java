package dev.cocovisor.cli.campaign;

import dev.cocovisor.campaign.Folder;
import dev.cocovisor.campaign.cluster.Visitor;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Says how far a campaign is. */
@Command(
    name = "status",
    mixinStandardHelpOptions = true,
    description = "Says how far a campaign is: rate, what is left, coverage, findings, members.")
public final class CampaignStatusCommand implements Callable<Integer> {
  private final Console console;

  @Mixin private WhichCampaign which = new WhichCampaign();

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  CampaignStatusCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    String status = status();
    if (json) {
      console.out().println(status.strip());
      return ExitCode.CLEAN;
    }
    JsonNode s = new JsonMapper().readTree(status);
    s.properties()
        .forEach(e -> {
          if (!e.getKey().equals("format") && !e.getKey().equals("version")) {
            console.out().printf("%-17s %s%n", e.getKey().replace('_', ' '), words(e.getValue()));
          }
        });
    return ExitCode.CLEAN;
  }

  private String status() throws IOException {
    Path folder = which.folder();
    if (folder != null) {
      return Folder.statusOf(folder);
    }
    try (Visitor visitor = which.visit()) {
      return visitor.status();
    }
  }

  private static String words(JsonNode value) {
    return value.isArray()
        ? value.valueStream().map(JsonNode::asString).collect(Collectors.joining(", "))
        : value.asString();
  }
}
