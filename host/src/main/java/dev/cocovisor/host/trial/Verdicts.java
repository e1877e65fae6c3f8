package dev.cocovisor.host.trial;

import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.pack.ApiVersion;
import dev.cocovisor.host.pack.Digests;
import dev.cocovisor.host.pack.PluginPackage;
import dev.cocovisor.host.pack.UserCache;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What trials found, by what was tried: the digests of the package and of those it needs, this
 * program's version and limits. A verdict that cannot be kept is found again.
 */
final class Verdicts {
  private static final Duration KEPT = Duration.ofDays(90);

  private final Path folder;

  Verdicts() {
    this(UserCache.folder().resolve("verdicts"));
  }

  Verdicts(Path folder) {
    this.folder = folder;
  }

  /** Returns the name of a verdict. */
  static String key(PluginPackage source, List<PluginPackage> needs, TrialLimits limits) {
    StringBuilder all = new StringBuilder();
    all.append(ApiVersion.full()).append(' ').append(Runtime.version()).append(' ').append(limits);
    all.append(' ').append(PluginPackage.nameOf(source.file())); // findings name it
    all.append(' ').append(Digests.ofFile(source.file()));
    needs.forEach(p -> all.append(' ').append(Digests.ofFile(p.file())));
    return Digests.of(all.toString().getBytes(StandardCharsets.UTF_8));
  }

  @Nullable List<PluginFinding> find(String key) {
    return TrialReport.read(folder.resolve(key));
  }

  void keep(String key, List<PluginFinding> findings) {
    try {
      Files.createDirectories(folder);
      TrialReport.write(folder.resolve(key), findings);
      forgetOld();
    } catch (IOException e) {
      // No room or no right to keep it: it is found again next time.
    }
  }

  private void forgetOld() throws IOException {
    FileTime limit = FileTime.from(Instant.now().minus(KEPT));
    try (Stream<Path> all = Files.list(folder)) {
      for (Path p : all.toList()) {
        if (Files.getLastModifiedTime(p).compareTo(limit) < 0) {
          Files.deleteIfExists(p);
        }
      }
    }
  }
}
