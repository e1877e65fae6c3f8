package dev.cocovisor.cli.campaign;

import dev.cocovisor.campaign.cluster.MeetingPoint;
import dev.cocovisor.cli.find.WorkerOptions;
import dev.cocovisor.cli.print.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of who takes part in a campaign. */
public final class MemberOptions {
  @Option(
      names = "--listen",
      paramLabel = "ADDRESS[:PORT]",
      defaultValue = "127.0.0.1",
      description =
          "The one address to listen on; default ${DEFAULT-VALUE}, which other machines do not"
              + " reach.")
  private String listen = "127.0.0.1";

  @Option(
      names = "--secret-file",
      paramLabel = "FILE",
      description = "A file with what all members know; who does not is not let in.")
  private @Nullable Path secretFile;

  @Option(
      names = "--kubernetes",
      paramLabel = "SERVICE",
      description = "The DNS name of a headless service whose pods are the other members.")
  private @Nullable String kubernetes;

  @Mixin private WorkerOptions workers = new WorkerOptions();

  /** Tells whether a secret is given. */
  boolean hasSecret() {
    return secretFile != null;
  }

  /** Tells whether others are found by Kubernetes. */
  boolean asksKubernetes() {
    return kubernetes != null;
  }

  /**
   * Returns where to meet others.
   *
   * @param secret what is known where no file says it
   */
  MeetingPoint meeting(List<String> others, String secret) throws IOException {
    int colon = listen.lastIndexOf(':');
    String host = colon < 0 ? listen : listen.substring(0, colon);
    Path file = secretFile;
    String known = file == null ? secret : Files.readString(file).strip();
    if (known.length() < 8) {
      throw new UsageException("--secret-file: eight characters or more expected in " + file);
    }
    return new MeetingPoint(
        host,
        colon < 0 ? MeetingPoint.PORT : port(listen),
        others,
        kubernetes,
        known,
        workers.count());
  }

  private static int port(String address) {
    try {
      int port = Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
      if (port > 0 && port < 65_536) {
        return port;
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw new UsageException("--listen: " + address + ": an address as 10.0.0.7:5701 expected");
  }
}
