package dev.cocovisor.cli.campaign;

import dev.cocovisor.campaign.Campaign;
import dev.cocovisor.campaign.Folder;
import dev.cocovisor.campaign.Totals;
import dev.cocovisor.campaign.cluster.Member;
import dev.cocovisor.campaign.file.CampaignException;
import dev.cocovisor.campaign.file.CampaignFile;
import dev.cocovisor.campaign.work.Breakage;
import dev.cocovisor.campaign.work.Plan;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.PageOptions;
import dev.cocovisor.cli.print.Progress;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.report.html.Page;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Runs a campaign: alone at once, and with whoever joins. */
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    description = {
      "Runs a campaign from where its folder is: alone at once, and with whoever joins.",
      "Exit codes: 0 all done, 1 something found, 4 stopped before all was done."
    })
public final class CampaignRunCommand implements Callable<Integer> {
  private static final long LOOK_MILLIS = 200;

  private final Console console;
  private final Supplier<String> version;

  @Parameters(paramLabel = "FILE", description = "The campaign, in YAML.")
  private Path file = Path.of("");

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      description = "Where results and findings go; default FILE without its suffix, '.out'.")
  private @Nullable Path out;

  @Option(
      names = "--member",
      paramLabel = "ADDRESS:PORT",
      description = "A member that is there already; may be repeated.")
  private List<String> others = new ArrayList<>();

  @Option(
      names = "--wait-for",
      paramLabel = "N",
      defaultValue = "1",
      description = "Begin when so many members are there, this one included.")
  private int waitFor = 1;

  @Mixin private MemberOptions members = new MemberOptions();

  @Mixin private PinnedPlugins plugins = new PinnedPlugins();

  @Mixin private PageOptions pages = new PageOptions();

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  CampaignRunCommand(Console console, Supplier<String> version) {
    this.console = console;
    this.version = version;
  }

  @Override
  public Integer call() throws IOException {
    pages.check();
    CampaignFile campaign = CampaignFile.read(file);
    Path into = out != null ? out : defaultFolder();
    try (PinnedPlugins pinned = plugins;
        Folder folder = Folder.open(into, campaign)) {
      Plan plan = pinned.plan(campaign);
      // Whoever has no secret to tell is alone.
      byte[] own = new byte[16];
      new SecureRandom().nextBytes(own);
      try (Member member =
              Member.first(
                  members.meeting(others, HexFormat.of().formatHex(own)), plan, version.get());
          var progress = new Progress(console, "campaign " + campaign.name())) {
        if (members.hasSecret() && !json) {
          console.out().println("listens at " + member.address());
        }
        await(member);
        var run =
            new Campaign(
                plan,
                folder,
                this::tell,
                status ->
                    progress.done(
                        number(status, "round_done"), number(status, "round_items"), "items"));
        Campaign.End end = run.run(member);
        return report(run.totals(), end, into, plan);
      }
    }
  }

  private void await(Member member) {
    if (waitFor > 1 && !members.hasSecret()) {
      throw new UsageException("--wait-for: nobody can join without --secret-file");
    }
    try {
      while (member.members() < waitFor) {
        Thread.sleep(LOOK_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CampaignException("interrupted before it began", e);
    }
  }

  private Path defaultFolder() {
    String name = String.valueOf(file.getFileName()).replaceFirst("\\.[^.]*$", "");
    return file.resolveSibling(name + ".out");
  }

  private static long number(Map<String, Object> status, String key) {
    return status.get(key) instanceof Number n ? n.longValue() : 0;
  }

  private void tell(Breakage f, Path at) {
    if (!json) {
      console.out().println(console.red(f.what().lines().findFirst().orElse("")));
      console.out().println("  in         " + f.where());
      console.out().println("  file       " + at);
    }
  }

  private int report(Totals totals, Campaign.End end, Path into, Plan plan) throws IOException {
    if (pages.wanted()) {
      var page = new Page("campaign", plan.file().name(), file.toString());
      page.chip(totals.work() + " items", "").chip(totals.schedules() + " schedules", "");
      page.chip(totals.programs() + " programs", "");
      page.chip(totals.found().size() + " findings", totals.found().isEmpty() ? "good" : "bad");
      page.chip(totals.ruled().size() + " rules covered", "");
      page.chip(totals.pairs().size() + " schedule pairs", "");
      page.with("coverage", Map.of("rules", totals.ruled(), "schedule pairs", totals.pairs()));
      page.with("findings", totals.found().stream().map(f -> f.where() + ": " + f.what()).toList());
      pages.write(page);
    }
    String why =
        switch (end) {
          case DONE -> "";
          case STOPPED_SEARCHES -> " (some searches stopped at their most schedules)";
          case TIME -> " (its time is over; run it again to go on)";
          case ASKED -> " (stopped; run it again to go on)";
        };
    if (json) {
      var doc = new LinkedHashMap<String, Object>();
      doc.put("format", "cocovisor.campaign");
      doc.put("version", 1);
      doc.put("campaign", plan.file().name());
      doc.put("end", end.name().toLowerCase(Locale.ROOT));
      doc.put("folder", into.toString());
      doc.put("work", totals.work());
      doc.put("schedules", totals.schedules());
      doc.put("programs", totals.programs());
      doc.put("calls", totals.calls());
      doc.put("rules", totals.rules());
      doc.put("rules_covered", totals.ruled());
      doc.put("schedule_pairs", totals.pairs());
      doc.put(
          "findings",
          totals.found().stream()
              .map(f -> Map.of("kind", f.kind(), "where", f.where(), "what", f.what()))
              .toList());
      console.json(doc);
    } else {
      String summary = totals + why;
      boolean clean = totals.found().isEmpty() && end == Campaign.End.DONE;
      console.out().println(clean ? console.green(summary) : console.red(summary));
    }
    return !totals.found().isEmpty()
        ? ExitCode.FOUND
        : end == Campaign.End.DONE ? ExitCode.CLEAN : ExitCode.BUDGET;
  }
}
