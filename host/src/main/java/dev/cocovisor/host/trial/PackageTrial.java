package dev.cocovisor.host.trial;

import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.load.PackageJudge;
import dev.cocovisor.host.pack.PluginPackage;
import dev.cocovisor.host.pack.Unpacking;
import dev.cocovisor.host.pack.UserCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Tries packages in a process of their own before their code is loaded here.
 *
 * <p>This keeps a broken package from taking a command down. It makes no package safe: once it is
 * loaded, a plugin runs with the rights of its user.
 */
public final class PackageTrial implements PackageJudge {
  private static final String WORK = "trial";

  private final TrialLimits limits;
  private final boolean anew;
  private final Verdicts verdicts = new Verdicts();

  private PackageTrial(TrialLimits limits, boolean anew) {
    this.limits = limits;
    this.anew = anew;
  }

  /** Returns a judge that tries what it does not know yet. */
  public static PackageTrial of(TrialLimits limits) {
    return new PackageTrial(limits, false);
  }

  /** Returns a judge that tries everything anew, and keeps what it found. */
  public PackageTrial anew() {
    return new PackageTrial(limits, true);
  }

  /**
   * Returns the judge a program has where nobody gave it another: with the limits of the
   * environment; none where {@code COCOVISOR_TRIAL} is {@code off}.
   *
   * @throws HostException COCO-P035 if the environment's limits make no sense
   */
  public static PackageJudge byEnvironment() {
    try {
      return "off".equals(System.getenv("COCOVISOR_TRIAL"))
          ? PackageJudge.TRUSTING
          : of(TrialLimits.of(System.getenv()));
    } catch (IllegalArgumentException e) {
      throw new HostException(
          new PluginFinding(
              FindingCode.BAD_SETTING,
              "environment",
              "the limits of a plugin's trial cannot be",
              String.valueOf(e.getMessage()),
              "set it to another value, or unset it",
              List.of()),
          e);
    }
  }

  @Override
  public List<PluginFinding> judge(PluginPackage source, List<PluginPackage> needs) {
    String key = Verdicts.key(source, needs, limits);
    List<PluginFinding> known = anew ? null : verdicts.find(key);
    if (known != null) {
      return known;
    }
    Path work = null;
    try {
      Path parent = workParent();
      UserCache.sweep(parent, WORK);
      work = UserCache.fresh(parent, WORK);
      return run(source, needs, work, key);
    } catch (IOException e) {
      return List.of(notTried(source, String.valueOf(e.getMessage())));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return List.of(notTried(source, "this thread was interrupted"));
    } finally {
      remove(work);
    }
  }

  /** In the user's cache, or among the temporary files where that cannot be written. */
  private static Path workParent() throws IOException {
    Path cache = UserCache.folder();
    try {
      Files.createDirectories(cache);
      if (Files.isWritable(cache)) {
        return cache;
      }
    } catch (IOException e) {
      // A home that is read-only or not there.
    }
    return Path.of(System.getProperty("java.io.tmpdir", "."));
  }

  private static void remove(@Nullable Path work) {
    try {
      UserCache.delete(work);
    } catch (IOException e) {
      // Swept by a later trial.
    }
  }

  private List<PluginFinding> run(
      PluginPackage source, List<PluginPackage> needs, Path work, String key)
      throws IOException, InterruptedException {
    if (source.isZip()) {
      try {
        var _ = Unpacking.unpack(source.file()); // here, where a package cannot change the rules
      } catch (IOException e) {
        return List.of(cannotBeUnpacked(source, String.valueOf(e.getMessage())));
      }
    }
    List<Path> files = new ArrayList<>();
    needs.forEach(p -> files.add(p.file().toAbsolutePath()));
    files.add(source.file().toAbsolutePath());
    TrialProcess.End end = new TrialProcess(limits, work).run(files);
    List<PluginFinding> found = new TrialVerdict(source, limits).of(end);
    if (!end.killed()) {
      verdicts.keep(key, found); // else another time, when the machine may be less busy
    }
    return found;
  }

  private static PluginFinding cannotBeUnpacked(PluginPackage source, String why) {
    return new PluginFinding(
        FindingCode.ARCHIVE_TOO_LARGE,
        PluginPackage.nameOf(source.file()),
        "the package cannot be unpacked",
        why,
        "build it again; the limits are in docs/plugins.md",
        List.of());
  }

  private static PluginFinding notTried(PluginPackage source, String why) {
    return new PluginFinding(
        FindingCode.NOT_TRIED,
        PluginPackage.nameOf(source.file()),
        "the package could not be tried in a process of its own, so it is not loaded",
        why,
        "mend that, or, for packages you trust, set COCOVISOR_TRIAL=off",
        List.of());
  }
}
