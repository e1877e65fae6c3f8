package dev.cocovisor.host.load;

import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.pack.PluginPackage;
import java.util.List;

/** Says of a package that reads well whether its code may be loaded into this process. */
@FunctionalInterface
public interface PackageJudge {
  /** Lets every package in without looking: for tests, and for those who built it themselves. */
  PackageJudge TRUSTING = (_, _) -> List.of();

  /**
   * Judges.
   *
   * @param source a package that is sound as far as it was read
   * @param needs the packages it depends on, each after those it depends on itself
   * @return what was found wrong; it is loaded if none of it is an error
   */
  List<PluginFinding> judge(PluginPackage source, List<PluginPackage> needs);
}
