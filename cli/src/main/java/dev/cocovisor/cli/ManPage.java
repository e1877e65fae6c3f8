package dev.cocovisor.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** A manual page (roff, man(7)) made of picocli's model of a command. */
final class ManPage {
  private final StringBuilder out = new StringBuilder();

  private ManPage() {}

  /**
   * Returns the page of a command.
   *
   * @param name with its parents: {@code cocovisor run}
   */
  static String of(CommandLine command, String name) {
    ManPage page = new ManPage();
    page.write(command, name);
    return page.out.toString();
  }

  private void write(CommandLine command, String name) {
    CommandSpec spec = command.getCommandSpec();
    String[] about = spec.usageMessage().description();
    String hyphened = name.replace(' ', '-');
    out.append(".TH ")
        .append(hyphened.toUpperCase(Locale.ROOT))
        .append(" 1 \"\" cocovisor \"Cocovisor\"\n");
    section("NAME");
    out.append(escaped(hyphened))
        .append(" \\- ")
        .append(text(about.length == 0 ? name : about[0]))
        .append('\n');
    section("SYNOPSIS");
    String synopsis = command.getHelp().synopsis(0);
    out.append(".nf\n").append(text(Ansi.OFF.string(synopsis).strip())).append("\n.fi\n");
    section("DESCRIPTION");
    for (String line : about) {
      out.append(text(line)).append("\n.br\n");
    }
    List<PositionalParamSpec> parameters = spec.positionalParameters();
    if (!parameters.isEmpty()) {
      section("PARAMETERS");
      parameters.forEach(p -> item(p.paramLabel(), p));
    }
    List<OptionSpec> options = spec.options().stream().filter(o -> !o.hidden()).toList();
    if (!options.isEmpty()) {
      section("OPTIONS");
      for (OptionSpec o : options) {
        String label = o.arity().max() > 0 ? " " + o.paramLabel() : "";
        item(String.join(", ", o.names()) + label, o);
      }
    }
    if (!command.getSubcommands().isEmpty()) {
      section("COMMANDS");
      command
          .getSubcommands()
          .forEach((sub, line) -> {
            String[] what = line.getCommandSpec().usageMessage().description();
            out.append(".TP\n.B ").append(escaped(sub)).append('\n');
            out.append(text(what.length == 0 ? "" : what[0])).append('\n');
          });
    }
    String[] footer = spec.usageMessage().footer();
    if (footer.length > 0) {
      section("NOTES");
      out.append(".nf\n");
      for (String line : footer) {
        out.append(text(line)).append('\n');
      }
      out.append(".fi\n");
    }
    seeAlso(command, name);
  }

  private void seeAlso(CommandLine command, String name) {
    List<String> others = new ArrayList<>();
    CommandLine parent = command.getParent();
    if (parent != null) {
      others.add(name.substring(0, name.lastIndexOf(' ')));
    }
    command.getSubcommands().keySet().forEach(sub -> others.add(name + " " + sub));
    if (!others.isEmpty()) {
      section("SEE ALSO");
      out.append(escaped(String.join("(1), ", others).replace(' ', '-').replace(",-", ", ")))
          .append("(1)\n");
    }
  }

  private void section(String title) {
    out.append(".SH ").append(title).append('\n');
  }

  private void item(String what, ArgSpec arg) {
    out.append(".TP\n.B ").append(escaped(what)).append('\n');
    for (String line : arg.description()) {
      String known = line.replace("${DEFAULT-VALUE}", String.valueOf(arg.defaultValueString()));
      out.append(text(known)).append('\n');
    }
  }

  /** Returns text as roff shows it: no line of it is a request. */
  private static String text(String line) {
    StringBuilder all = new StringBuilder();
    for (String l : Ansi.OFF.string(line.replace("%%", "%").replace("%n", "\n")).split("\n", -1)) {
      String safe = escaped(l);
      all.append(all.isEmpty() ? "" : "\n");
      all.append(safe.startsWith(".") || safe.startsWith("'") ? "\\&" + safe : safe);
    }
    return all.toString();
  }

  private static String escaped(String text) {
    return text.replace("\\", "\\e").replace("-", "\\-");
  }
}
