package dev.cocovisor.host.trial;

import dev.cocovisor.api.VmType;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.VendorFailure;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.load.LoadedBackend;
import dev.cocovisor.host.load.LoadedPlugin;
import dev.cocovisor.host.load.PackageJudge;
import dev.cocovisor.host.load.PluginFailures;
import dev.cocovisor.host.load.PluginLoading;
import dev.cocovisor.host.pack.PluginDescription;
import dev.cocovisor.host.pack.PluginPackage;
import dev.cocovisor.host.pack.PluginStatus;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * What runs in the process of a trial: loads packages, asks the last one's backends who they are,
 * makes each a platform and VMs, and reports.
 *
 * <p>Arguments: the file of the report, the seconds there are, the packages in the order of their
 * dependencies. The packages' code runs on a thread of its own, so that somebody is left to say
 * where it hangs or who ended the process.
 */
final class TrialMain {
  private static final Logger PF4J = Logger.getLogger("org.pf4j");

  /** Marks an end that this class wanted; any other code is the package's doing. */
  static final int DONE = 42;

  /** How many times the seconds there are a busy machine may make of them. */
  static final int PATIENCE = 6;

  private final Path report;
  private final List<PluginPackage> packages;
  private final String subject;
  private final List<PluginFinding> findings = new ArrayList<>();

  private TrialMain(Path report, List<PluginPackage> packages) {
    this.report = report;
    this.packages = packages;
    this.subject = PluginPackage.nameOf(packages.getLast().file());
  }

  /** Tries. */
  public static void main(String[] args) throws InterruptedException {
    PF4J.setLevel(Level.OFF);
    List<PluginPackage> packages = new ArrayList<>();
    for (int i = 2; i < args.length; i++) {
      packages.add(PluginPackage.read(Path.of(args[i])));
    }
    new TrialMain(Path.of(args[0]), packages).run(Integer.parseInt(args[1]));
  }

  private void run(int seconds) throws InterruptedException {
    Set<Thread> before = ConcurrentHashMap.newKeySet();
    before.addAll(Thread.getAllStackTraces().keySet());
    Thread code = new Thread(this::tryAll, "trial");
    Thread lastWords =
        new Thread(
            () -> report(List.of(ended(place(code)))), "last words"); // runs if anybody exits
    before.add(lastWords);
    before.add(code);
    Runtime.getRuntime().addShutdownHook(lastWords);
    code.start();
    waitFor(code, seconds);
    if (code.isAlive()) {
      report(List.of(hangs(seconds, place(code))));
    } else {
      addThreads(before);
      report(findings);
    }
    Runtime.getRuntime().halt(DONE);
  }

  /**
   * Waits until the code ends or had its time. On a busy machine a thread that wants to run and is
   * not let has not had it yet.
   */
  private static void waitFor(Thread code, int seconds) throws InterruptedException {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    for (int round = 1; round <= PATIENCE && code.isAlive(); round++) {
      code.join(seconds * 1000L);
      boolean hadItsTime =
          code.getState() != Thread.State.RUNNABLE
              || threads.getThreadCpuTime(code.threadId()) > seconds * 1_000_000_000L / 2;
      if (hadItsTime) {
        return;
      }
    }
  }

  private void report(List<PluginFinding> all) {
    try {
      TrialReport.write(report, all);
    } catch (IOException e) {
      System.err.println("no report: " + e);
    }
  }

  private void tryAll() {
    try {
      PluginLoading loading = new PluginLoading(Path.of("."), PackageJudge.TRUSTING);
      List<PluginStatus> all = loading.loadAll(packages);
      for (PluginStatus s : all) {
        if (s.file().equals(packages.getLast().file())) {
          findings.addAll(s.findings());
        }
      }
      for (LoadedPlugin p : loading.all()) {
        if (p.source().file().equals(packages.getLast().file())) {
          p.backends().forEach(this::exercise);
        }
      }
      // What loading found in the package was told by whoever read it before the trial.
      findings.removeAll(packages.getLast().findings());
    } catch (HostException known) {
      findings.add(known.finding());
    } catch (VendorFailure known) {
      PluginDescription d = packages.getLast().description();
      findings.add(PluginFailures.finding(known, d == null ? null : d.id()));
    } catch (Throwable t) {
      findings.add(
          new PluginFinding(
              FindingCode.DOES_NOT_START,
              subject,
              "the plugin cannot be tried",
              String.valueOf(t),
              "look at its plugin.class; most backends need none",
              List.of()));
    }
  }

  /**
   * Makes what a host makes: a platform, a VM of each type, their ends. Refusals are no findings.
   */
  private void exercise(LoadedBackend b) {
    HostConfig config = HostConfig.DEFAULT.withArchitecture(b.info().architecture());
    try (Kvm kvm = new Kvm(config, List.of(b.backend()))) {
      KvmProcess vmm = new KvmProcess(kvm);
      long dev = vmm.openDevKvm();
      for (VmType type : b.info().vmTypes()) {
        long vm = vmm.createVm((int) dev, type.number());
        if (vm >= 0) {
          var _ = vmm.close((int) vm);
        }
      }
    }
  }

  private void addThreads(Set<Thread> before) {
    List<String> started =
        Thread.getAllStackTraces().keySet().stream()
            .filter(t -> !before.contains(t))
            .filter(
                t -> t.getThreadGroup() != null && !t.getThreadGroup().getName().equals("system"))
            .map(Thread::getName)
            .sorted()
            .toList();
    if (!started.isEmpty()) {
      findings.add(
          new PluginFinding(
              FindingCode.STARTS_THREADS,
              subject,
              "the plugin started threads while it was loaded",
              "they live on: " + String.join(", ", started),
              "a model runs on the threads of its user: start none, or end them",
              List.of()));
    }
  }

  private PluginFinding ended(@Nullable String where) {
    return new PluginFinding(
        FindingCode.ENDS_THE_PROCESS,
        subject,
        "the plugin ends the process while it is loaded",
        where == null ? "it called System.exit" : "System.exit was called at " + where,
        "a plugin reports what is wrong by an exception from its constructor, never by an exit",
        List.of());
  }

  private PluginFinding hangs(int seconds, @Nullable String where) {
    return new PluginFinding(
        FindingCode.DOES_NOT_RETURN,
        subject,
        "the plugin does not return while it is loaded",
        "after " + seconds + " s its code was still " + (where == null ? "busy" : "at " + where),
        "look there; where it is only slow, COCOVISOR_TRIAL_SECONDS gives it more time",
        List.of());
  }

  /** Returns where a thread is in the package's code, null if it is not in it. */
  private static @Nullable String place(Thread thread) {
    for (StackTraceElement e : thread.getStackTrace()) {
      String name = e.getClassName();
      boolean ours =
          name.startsWith("dev.cocovisor.host.") || name.startsWith("dev.cocovisor.core.");
      boolean others =
          (e.getModuleName() != null && e.getModuleName().startsWith("java."))
              || name.startsWith("org.pf4j.")
              || name.startsWith("jdk.");
      if (!ours && !others) {
        return name
            + "."
            + e.getMethodName()
            + "("
            + e.getFileName()
            + ":"
            + e.getLineNumber()
            + ")";
      }
    }
    return null;
  }
}
