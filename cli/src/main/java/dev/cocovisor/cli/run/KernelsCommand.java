package dev.cocovisor.cli.run;

import dev.cocovisor.api.kernel.KernelProfile;
import dev.cocovisor.api.kernel.KernelRule;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.core.Kvm;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Prints the table of what kernels do otherwise, as Markdown: docs/kernels.md is its output. */
@Command(
    name = "kernels",
    mixinStandardHelpOptions = true,
    description = "Prints what the kernels there are profiles of do otherwise, with sources.")
public final class KernelsCommand implements Callable<Integer> {
  private final Console console;

  @Mixin private PluginOptions plugins = new PluginOptions();

  @Mixin private SettingOptions settings = new SettingOptions();

  public KernelsCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    try (var world = new World(plugins, settings, console)) {
      console.out().print(page(Kvm.kernelRules(world.technologies().backends())));
    }
    return ExitCode.CLEAN;
  }

  /** Returns the page about rules. */
  static String page(List<KernelRule<?>> rules) {
    var out = new StringBuilder();
    out.append("# Kernels\n\n");
    out.append(
        """
        This page is printed by `./cocovisor kernels`; a test holds it to the table in the code
        (`KernelRules`, and `kernelRules()` of each backend).

        A host's kernel is chosen by `host_config({kernel="6.12"})` in a log, by `--set kernel=6.12` on a
        command, by `HostConfig.withKernel("6.12")` in Java; without a word it is 7.3. The profiles are
        """);
    out.append(String.join(", ", KernelProfile.RELEASES));
    out.append(
        """
        .
        `memory_attributes`, `smm` and `gmem_in_place_conversion` (0, 1 or auto) say how it was built and
        loaded; a rule of another release is taken over by `+RULE@RELEASE`, as a distribution does that
        carries a fix: `kernel="6.12+bind-overlap@7.2"`. `./cocovisor compare --kernels 6.12,7.2,7.3,7.4
        SCENARIO` sets kernels side by side, and says which row makes each difference.

        """);
    out.append("| rule | question |");
    KernelProfile.RELEASES.forEach(r -> out.append(' ').append(r).append(" |"));
    out.append("\n|---|---|").append("---|".repeat(KernelProfile.RELEASES.size())).append('\n');
    for (KernelRule<?> rule : rules) {
      out.append("| [").append(rule.id()).append("](#").append(rule.id()).append(") | ");
      out.append(rule.question()).append(" |");
      for (String r : KernelProfile.RELEASES) {
        int at = rule.answers().indexOf(KernelProfile.release(r).answer(rule)) + 1;
        out.append(" (").append(at).append(") |");
      }
      out.append('\n');
    }
    rules.forEach(r -> section(out, r));
    return out.toString();
  }

  private static void section(StringBuilder out, KernelRule<?> rule) {
    out.append("\n## ").append(rule.id()).append("\n\n");
    String question = rule.question();
    out.append(question.substring(0, 1).toUpperCase(Locale.ROOT)).append(question.substring(1));
    out.append("\n\n| | since | what | source | witness |\n|---|---|---|---|---|\n");
    int number = 1;
    for (KernelRule.Answer<?> a : rule.answers()) {
      out.append("| (").append(number++).append(") | ");
      out.append(
          List.of(
                  a.sinceText(),
                  a.says(),
                  a.source(),
                  a.grade().name().toLowerCase(Locale.ROOT) + ": " + a.witness())
              .stream()
              .collect(Collectors.joining(" | ")));
      out.append(" |\n");
    }
  }
}
