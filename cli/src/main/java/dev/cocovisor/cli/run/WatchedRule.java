package dev.cocovisor.cli.run;

import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.report.model.RunModel;
import dev.cocovisor.script.scenario.ProcessWatch;
import dev.cocovisor.tck.TckRun;
import dev.cocovisor.tck.bench.Spectator;
import dev.cocovisor.tck.report.RuleResult;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A rule of the compatibility kit, run once more and watched. A rule may try several hosts, as one
 * for each moment of a race; what is kept is the one it ended on.
 */
public final class WatchedRule implements Spectator {
  /** Calls on one host that are kept; more nobody reads. */
  private static final int MOST = 3000;

  private List<Map<String, Object>> steps = new ArrayList<>();
  private RunModel model = new RunModel();
  private ProcessWatch watch = new ProcessWatch(this::made);
  private int hosts;

  private WatchedRule() {}

  /**
   * Runs a rule and returns its document.
   *
   * @param name what it is called on its page
   * @param said how it ended when nobody looked
   */
  public static Map<String, Object> of(
      JudgedBackend subject, RuleResult said, String name, Duration limit) {
    var seen = new WatchedRule();
    RuleResult again = TckRun.run(subject, said.id(), limit, seen);
    if (!seen.steps.isEmpty() && again.outcome() == RuleResult.Outcome.FAILED) {
      seen.steps.getLast().put("expected", again.message());
    }
    var head = new LinkedHashMap<String, Object>();
    head.put("scenario", said.id() + " " + said.name());
    head.put("name", name);
    head.put("backend", subject.backend().info().id());
    head.put("settings", subject.settings());
    head.put("hosts", seen.hosts);
    return seen.model.document(head);
  }

  @Override
  public TraceSink host() {
    hosts++;
    steps = new ArrayList<>();
    model = new RunModel();
    watch = new ProcessWatch(this::made);
    return watch.trace();
  }

  @Override
  public VmmCalls calls(KvmProcess process) {
    return watch.calls(process);
  }

  private void made(ProcessWatch.Made made) {
    if (steps.size() < MOST) {
      Map<String, Object> step = StepJson.of(made, steps.size() + 1);
      steps.add(step);
      model.step(step, made.state());
    }
  }
}
