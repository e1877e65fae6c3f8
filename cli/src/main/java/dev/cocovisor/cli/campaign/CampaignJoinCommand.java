package dev.cocovisor.cli.campaign;

import dev.cocovisor.campaign.cluster.Member;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.UsageException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Takes part in a campaign that is run elsewhere. */
@Command(
    name = "join",
    mixinStandardHelpOptions = true,
    description = {
      "Takes part in a campaign until it is over; Ctrl-C leaves it. Needs the campaign's secret,"
          + " the",
      "same version and the plugins it pins, no file and no folder."
    })
public final class CampaignJoinCommand implements Callable<Integer> {
  private static final long LOOK_MILLIS = 500;

  private final Console console;
  private final Supplier<String> version;

  @Parameters(
      paramLabel = "ADDRESS[:PORT]",
      arity = "0..*",
      description = "Where members of the campaign listen.")
  private List<String> others = new ArrayList<>();

  @Mixin private MemberOptions members = new MemberOptions();

  @Mixin private PinnedPlugins plugins = new PinnedPlugins();

  CampaignJoinCommand(Console console, Supplier<String> version) {
    this.console = console;
    this.version = version;
  }

  @Override
  public Integer call() throws IOException {
    if (others.isEmpty() && !members.asksKubernetes()) {
      throw new UsageException("the address of a member, or --kubernetes, expected");
    }
    if (!members.hasSecret()) {
      throw new UsageException("--secret-file with the campaign's secret expected");
    }
    try (PinnedPlugins pinned = plugins;
        Member member = Member.join(members.meeting(others, ""), version.get(), pinned::plan)) {
      Thread leave = Thread.ofPlatform().unstarted(member::close);
      Runtime.getRuntime().addShutdownHook(leave);
      console.out().println("joined at " + member.address() + ", " + member.members() + " members");
      console.out().flush();
      while (member.isRunning() && member.members() > 1) {
        Thread.sleep(LOOK_MILLIS);
      }
      Runtime.getRuntime().removeShutdownHook(leave);
      if (!member.isOver()) {
        console
            .out()
            .println(
                "all other members are gone before the campaign was over; what was made is in the"
                    + " folder of the one that ran it: 'campaign run' there goes on");
        return ExitCode.BUDGET;
      }
      console.out().println("the campaign is over");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return ExitCode.CLEAN;
  }
}
