package dev.cocovisor.host.trial;

import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.pack.PluginPackage;
import java.util.ArrayList;
import java.util.List;

/** What the end of a trial's process says of the package that was in it. */
final class TrialVerdict {
  private final PluginPackage source;
  private final TrialLimits limits;

  TrialVerdict(PluginPackage source, TrialLimits limits) {
    this.source = source;
    this.limits = limits;
  }

  /** Returns everything that was found wrong. */
  List<PluginFinding> of(TrialProcess.End end) {
    List<PluginFinding> findings = new ArrayList<>();
    List<PluginFinding> reported = end.report();
    if (end.tooMuchDisk()) {
      findings.add(
          finding(
              FindingCode.TAKES_TOO_MUCH,
              "the plugin fills the disk while it is loaded",
              "it wrote more than " + limits.diskMiB() + " MiB",
              "write nothing while loading; COCOVISOR_TRIAL_DISK_MB allows more"));
    } else if (end.killed()) {
      findings.add(
          finding(
              FindingCode.DOES_NOT_RETURN,
              "the plugin does not return while it is loaded",
              "its process could not even say where it was, long after " + limits.seconds() + " s",
              "look at its constructor, static initialisers and info()"));
    } else if (reported != null && (end.code() == TrialMain.DONE || ended(reported))) {
      findings.addAll(reported);
    } else if (end.stderr().contains("OutOfMemoryError")) {
      findings.add(
          finding(
              FindingCode.TAKES_TOO_MUCH,
              "the plugin takes more memory than there is while it is loaded",
              "its process ran out of " + limits.heapMiB() + " MiB",
              "look at its constructor, static initialisers and info()"));
    } else {
      findings.add(
          finding(
              FindingCode.ENDS_THE_PROCESS,
              "the plugin ends the process while it is loaded",
              "its process ended with code " + end.code() + " before everything was asked",
              "a plugin reports what is wrong by an exception from its constructor, never by an"
                  + " exit"));
    }
    if (end.wroteToStdout() && findings.stream().noneMatch(f -> f.code().error())) {
      findings.add(
          finding(
              FindingCode.WRITES_TO_STDOUT,
              "the plugin writes straight to the process's standard output while it is loaded",
              "it goes past System.out, where results would be broken by it",
              "use SLF4J or the host's TraceSink"));
    }
    return findings;
  }

  private static boolean ended(List<PluginFinding> reported) {
    return reported.stream().anyMatch(f -> f.code() == FindingCode.ENDS_THE_PROCESS);
  }

  private PluginFinding finding(FindingCode code, String what, String why, String mend) {
    return new PluginFinding(code, PluginPackage.nameOf(source.file()), what, why, mend, List.of());
  }
}
