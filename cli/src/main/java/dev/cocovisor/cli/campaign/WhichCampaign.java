package dev.cocovisor.cli.campaign;

import dev.cocovisor.campaign.cluster.MeetingPoint;
import dev.cocovisor.campaign.cluster.Visitor;
import dev.cocovisor.cli.print.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Which campaign a question is about: one whose folder is here, or whose members are reached. */
final class WhichCampaign {
  @Parameters(
      paramLabel = "FOLDER",
      arity = "0..1",
      description = "The campaign's folder, on the machine that runs it.")
  private @Nullable Path folder;

  @Option(
      names = "--join",
      paramLabel = "ADDRESS[:PORT]",
      description = "Instead of a folder: where a member listens; may be repeated.")
  private List<String> members = new ArrayList<>();

  @Option(
      names = "--secret-file",
      paramLabel = "FILE",
      description = "With --join: the campaign's secret.")
  private @Nullable Path secretFile;

  /** Returns the folder; null where members are asked. */
  @Nullable Path folder() {
    if ((folder == null) == members.isEmpty()) {
      throw new UsageException(
          "the campaign's folder, or --join with the address of a member, expected");
    }
    return folder;
  }

  /** Reaches the members. */
  Visitor visit() throws IOException {
    Path file = secretFile;
    if (file == null) {
      throw new UsageException("--join: --secret-file with the campaign's secret expected");
    }
    List<String> at =
        members.stream().map(m -> m.contains(":") ? m : m + ":" + MeetingPoint.PORT).toList();
    return Visitor.of(at, Files.readString(file).strip());
  }
}
