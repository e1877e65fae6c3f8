package dev.cocovisor.cli;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Prints what a shell needs to complete the command's words. */
@Command(
    name = "completion",
    mixinStandardHelpOptions = true,
    description = {
      "Prints what a shell needs to complete the command's words.",
      "bash and zsh: source <(cocovisor completion bash); fish: cocovisor completion fish | source"
    })
final class CompletionCommand implements Callable<Integer> {
  /** Shells that are known. */
  enum Shell {
    BASH,
    ZSH,
    FISH
  }

  private final Console console;

  @Parameters(paramLabel = "SHELL", description = "bash, zsh or fish.")
  private Shell shell = Shell.BASH;

  @Spec private CommandSpec spec = CommandSpec.create();

  CompletionCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    CommandLine root = spec.root().commandLine();
    String text =
        switch (shell) {
          // picocli's script serves both: under zsh it loads zsh's emulation of bash's completion.
          case BASH, ZSH -> AutoComplete.bash("cocovisor", root);
          case FISH -> fish(root);
        };
    console.out().println(text);
    return ExitCode.CLEAN;
  }

  private static String fish(CommandLine root) {
    var out = new StringBuilder("# fish completion of cocovisor\n");
    root.getSubcommands()
        .forEach((name, command) -> {
          out.append("complete -c cocovisor -n __fish_use_subcommand -f -a ").append(name);
          String[] about = command.getCommandSpec().usageMessage().description();
          out.append(" -d ").append(quoted(about.length == 0 ? "" : about[0])).append('\n');
          for (OptionSpec o : command.getCommandSpec().options()) {
            out.append("complete -c cocovisor -n '__fish_seen_subcommand_from ")
                .append(name)
                .append("'");
            for (String word : o.names()) {
              out.append(word.startsWith("--") ? " -l " : " -s ")
                  .append(word.replaceFirst("^-+", ""));
            }
            boolean takes = o.arity().max() > 0;
            out.append(takes ? " -r" : " -f");
            out.append(" -d ")
                .append(quoted(o.description().length == 0 ? "" : o.description()[0]));
            out.append('\n');
          }
        });
    return out.toString();
  }

  private static String quoted(String text) {
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'";
  }
}
