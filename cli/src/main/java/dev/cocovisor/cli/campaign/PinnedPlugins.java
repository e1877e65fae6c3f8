package dev.cocovisor.cli.campaign;

import dev.cocovisor.campaign.file.CampaignException;
import dev.cocovisor.campaign.file.CampaignFile;
import dev.cocovisor.campaign.file.Pin;
import dev.cocovisor.campaign.work.Plan;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.pack.Digests;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/**
 * The plugins that a campaign names, by their checksums; no others are loaded, whatever lies in the
 * plugin folder.
 */
public final class PinnedPlugins implements AutoCloseable {
  @Option(
      names = "--plugins",
      paramLabel = "FOLDER",
      description = "Where the packages lie that the campaign pins; default the plugin folder.")
  private @Nullable Path folder;

  private @Nullable BackendRegistry registry;

  /** Returns the tasks of a campaign, with the built-in technologies and the plugins it pins. */
  Plan plan(CampaignFile file) {
    BackendRegistry r = PluginOptions.registry().classPath().open();
    registry = r;
    for (Pin pin : file.plugins()) {
      var _ = r.load(found(pin));
    }
    return new Plan(file, r.technologies());
  }

  private Path found(Pin pin) {
    Path in = folder == null ? PluginOptions.defaultFolder() : folder;
    Path path = in.resolve(Path.of(pin.name()).getFileName());
    if (!Files.isRegularFile(path)) {
      throw new CampaignException(
          "the campaign uses the plugin "
              + pin.name()
              + ", which is not in "
              + in
              + "; put it there, or name its folder by --plugins");
    }
    try {
      String sum = Digests.of(Files.readAllBytes(path));
      if (!sum.equals(pin.sha256())) {
        throw new CampaignException(
            path
                + ": has checksum "
                + sum
                + ", the campaign pins "
                + pin.sha256()
                + "; take the same package as the member that runs it");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return path;
  }

  @Override
  public void close() {
    BackendRegistry r = registry;
    if (r != null) {
      r.close();
    }
  }
}
