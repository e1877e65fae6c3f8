package dev.cocovisor.cli.run;

import dev.cocovisor.cli.print.PageOptions;
import dev.cocovisor.cli.print.TraceOptions;
import dev.cocovisor.report.html.Page;
import dev.cocovisor.report.model.RunModel;
import dev.cocovisor.script.compare.Comparison;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioRun;
import dev.cocovisor.script.scenario.ScenarioStep;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * The runs of a comparison for who looks at them: a page with all columns on one slider and the
 * differences in words, and a trace. Keeps nothing where neither is wanted.
 */
final class ComparisonPage {
  private final Path file;
  private final PageOptions pages;
  private final TraceOptions traces;
  private final UnaryOperator<String> heading;
  private final boolean judged;
  private final Map<String, RunModel> models = new LinkedHashMap<>();

  /**
   * Prepares it, and refuses files that are there.
   *
   * @param heading what stands above a column's run, by the column's label
   * @param judged whether what the scenario expects is said of every column
   */
  ComparisonPage(
      Path file,
      PageOptions pages,
      TraceOptions traces,
      UnaryOperator<String> heading,
      boolean judged) {
    this.file = file;
    this.pages = pages;
    this.traces = traces;
    this.heading = heading;
    this.judged = judged;
    pages.check();
    traces.check(pages);
  }

  private boolean looks() {
    return pages.wanted() || traces.wanted();
  }

  /** Keeps what a column's run made of a step. */
  void step(String label, ScenarioStep step, ScenarioRun run) {
    if (looks()) {
      Map<String, Object> said = StepJson.of(step, _ -> true);
      if (!judged) {
        said.remove("expected");
      }
      models.computeIfAbsent(label, _ -> new RunModel()).step(said, run.state());
    }
  }

  /**
   * Writes what is wanted.
   *
   * @param differences with {@code question}, {@code rows}, and {@code rules} that each say
   *     something and name a source
   */
  void write(Scenario scenario, Comparison comparison, List<Map<String, Object>> differences)
      throws IOException {
    if (!looks()) {
      return;
    }
    var runs = new ArrayList<Map<String, Object>>();
    models.forEach((label, model) -> {
      var head = new LinkedHashMap<String, Object>();
      head.put("scenario", file.toString());
      head.put("backend", heading.apply(label));
      runs.add(model.document(head));
    });
    var page = new Page("compare", file.toString(), scenario.about());
    for (Comparison.Column c : comparison.columns()) {
      String text = heading.apply(c.label());
      boolean bad = judged && c.unmet() > 0;
      page.chip(bad ? text + ", " + c.unmet() + " unmet" : text, bad ? "bad" : "");
    }
    page.chip(differences.size() + " differences", "");
    pages.write(page.runs(runs, true).with("differences", differences));
    traces.write(runs);
  }
}
