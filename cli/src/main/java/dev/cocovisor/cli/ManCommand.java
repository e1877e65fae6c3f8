package dev.cocovisor.cli;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.OutputFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Writes manual pages of the command and of every subcommand. */
@Command(
    name = "man",
    mixinStandardHelpOptions = true,
    description = "Writes manual pages, one a command, into a folder: man -l FOLDER/cocovisor.1.")
final class ManCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(paramLabel = "FOLDER", description = "Where they go; it is made if need be.")
  private Path folder = Path.of("");

  @Option(names = "--force", description = "Overwrite files that are there.")
  private boolean force;

  @Spec private CommandSpec spec = CommandSpec.create();

  ManCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    Files.createDirectories(folder);
    CommandLine root = spec.root().commandLine();
    write(root, "cocovisor");
    return ExitCode.CLEAN;
  }

  private void write(CommandLine command, String name) throws IOException {
    Path file = folder.resolve(name.replace(' ', '-') + ".1");
    OutputFile.check("man", file, force);
    OutputFile.write(file, ManPage.of(command, name));
    console.err().println("cocovisor: wrote " + file);
    for (var sub : command.getSubcommands().entrySet()) {
      write(sub.getValue(), name + " " + sub.getKey());
    }
  }
}
