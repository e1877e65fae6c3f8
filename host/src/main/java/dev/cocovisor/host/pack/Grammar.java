package dev.cocovisor.host.pack;

import dev.cocovisor.host.finding.Printable;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What a plugin may call itself, word by word. */
final class Grammar {
  private static final Pattern ID = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");
  private static final Pattern VERSION =
      Pattern.compile("\\d{1,9}(\\.\\d{1,9}){0,2}([-+][0-9A-Za-z.+-]{1,64})?");
  private static final Pattern RANGE = Pattern.compile("[0-9A-Za-z .,<>=!~^*|&()+-]{1,200}");
  private static final Pattern DEPENDENCY =
      Pattern.compile(ID.pattern() + "\\??(@" + RANGE.pattern() + ")?");
  private static final int MOST_DEPENDENCIES = 64;
  private static final int MOST_OPERATORS = 40;
  private static final int LONGEST_LINE = 200;

  private Grammar() {}

  /** Returns what is wrong with a description and what would be right, null if nothing is. */
  static @Nullable String wrong(PluginDescription d) {
    if (!ID.matcher(d.id()).matches() || d.id().contains("..")) {
      return "plugin.id is '"
          + cut(d.id())
          + "': 1 to 64 letters, digits, '.', '_', '-', the first a letter or digit, no '..'";
    }
    if (!VERSION.matcher(d.version()).matches()) {
      return "plugin.version is '" + cut(d.version()) + "': a version such as 1.2.3 or 1.2.3-beta";
    }
    if (!range(d.requires())) {
      return "plugin.requires is '" + cut(d.requires()) + "': a range such as >=1.2.3 or *";
    }
    if (d.dependencies().size() > MOST_DEPENDENCIES) {
      return "plugin.dependencies names "
          + d.dependencies().size()
          + " plugins: at most "
          + MOST_DEPENDENCIES;
    }
    for (String dependency : d.dependencies()) {
      if (!DEPENDENCY.matcher(dependency).matches()
          || !range(PluginDescription.dependencyRange(dependency))) {
        return "plugin.dependencies names '" + cut(dependency) + "': an id, or id@range";
      }
    }
    return line("plugin.provider", d.provider(), line("plugin.description", d.description(), null));
  }

  /** The parser of ranges descends by recursion, so operators and brackets are counted first. */
  private static boolean range(String range) {
    return RANGE.matcher(range).matches()
        && range.chars().filter(c -> "|&()".indexOf(c) >= 0).count() <= MOST_OPERATORS;
  }

  private static @Nullable String line(String key, String text, @Nullable String otherwise) {
    boolean printable = text.chars().allMatch(c -> Printable.printable((char) c));
    return text.length() <= LONGEST_LINE && printable
        ? otherwise
        : key + " is '" + cut(text) + "': one line of at most " + LONGEST_LINE + " characters";
  }

  private static String cut(String text) {
    return text.length() <= 60 ? text : text.substring(0, 60) + "…";
  }
}
