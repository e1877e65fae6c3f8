package dev.cocovisor.api;

import java.util.List;
import org.apiguardian.api.API;

/**
 * Something a user can set for a host: a name, what it means, its default, and which values it
 * takes. The core and every backend list theirs, so that a name or value nobody knows is refused
 * before anything runs.
 *
 * @param name as one types it: the owner's id, a dot and the setting, {@code tdx.page-size-policy};
 *     without a dot it is the kernel's own, {@code kernel}
 * @param help one line for people
 * @param byDefault what holds where nobody sets it
 * @param kind what values look like
 * @param choices the values of a {@link Kind#CHOICE}; empty for others
 * @param min the smallest {@link Kind#NUMBER}
 * @param max the largest {@link Kind#NUMBER}
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public record Setting(
    String name,
    String help,
    String byDefault,
    Kind kind,
    List<String> choices,
    long min,
    long max) {
  /**
   * What the values of a setting look like.
   *
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  public enum Kind {
    /** One of a few words. */
    CHOICE,
    /** A whole number, decimal or with 0x. */
    NUMBER,
    /**
     * {@code true} or {@code false}; {@code on}, {@code off}, {@code 1} and {@code 0} mean them.
     */
    FLAG,
    /** Any text. */
    TEXT,
    /** A kernel: one of the choices, and after each {@code +} a rule of another, RULE@RELEASE. */
    KERNEL
  }

  /** Checks the name and the default. */
  public Setting {
    if (!wellFormed(name)) {
      throw new IllegalArgumentException(
          "setting '" + name + "': an id, a dot and a name of lower-case letters, digits, '-'");
    }
    var _ = OneLine.checked("the help of setting " + name, help);
    var _ = OneLine.checked("the default of setting " + name, byDefault);
    choices = List.copyOf(choices);
  }

  private static boolean wellFormed(String name) {
    int dot = name.indexOf('.');
    return dot < 0
        ? Names.lowerCase(name, '_', 1, Integer.MAX_VALUE)
        : Names.lowerCase(name.substring(0, dot), '-', 1, Integer.MAX_VALUE)
            && Names.lowerCase(name.substring(dot + 1), '-', 1, Integer.MAX_VALUE);
  }

  /** Declares a setting that takes one of a few words. */
  public static Setting choice(String name, String help, String byDefault, String... choices) {
    return new Setting(name, help, byDefault, Kind.CHOICE, List.of(choices), 0, 0);
  }

  /** Declares a setting that takes a number from {@code min} to {@code max}. */
  public static Setting number(String name, String help, long byDefault, long min, long max) {
    return new Setting(name, help, Long.toString(byDefault), Kind.NUMBER, List.of(), min, max);
  }

  /** Declares a setting that is on or off. */
  public static Setting flag(String name, String help, boolean byDefault) {
    return new Setting(name, help, Boolean.toString(byDefault), Kind.FLAG, List.of(), 0, 0);
  }

  /** Declares a setting that takes any text. */
  public static Setting text(String name, String help, String byDefault) {
    return new Setting(name, help, byDefault, Kind.TEXT, List.of(), 0, 0);
  }

  /** Declares the setting that chooses a kernel among releases. */
  public static Setting kernel(String name, String help, String byDefault, List<String> releases) {
    return new Setting(name, help, byDefault, Kind.KERNEL, releases, 0, 0);
  }

  /**
   * Returns a value in its plain form: a number in decimal, a flag as {@code true} or {@code
   * false}.
   *
   * @throws IllegalArgumentException if the setting does not take it; the text says what it takes
   */
  public String checked(String value) {
    return switch (kind) {
      case CHOICE -> {
        if (!choices.contains(value)) {
          throw refused(value);
        }
        yield value;
      }
      case NUMBER -> {
        try {
          long number = Long.decode(value);
          if (number < min || number > max) {
            throw refused(value);
          }
          yield Long.toString(number);
        } catch (NumberFormatException e) {
          throw refused(value);
        }
      }
      case FLAG ->
          switch (value) {
            case "true", "on", "1" -> "true";
            case "false", "off", "0" -> "false";
            default -> throw refused(value);
          };
      case TEXT -> value;
      case KERNEL -> {
        int more = value.indexOf('+');
        String release = more < 0 ? value : value.substring(0, more);
        if (!choices.contains(release)) {
          throw refused(value);
        }
        yield value;
      }
    };
  }

  private IllegalArgumentException refused(String value) {
    return new IllegalArgumentException(name + "=" + value + ": " + takes() + " expected");
  }

  /** Returns what values it takes, in words. */
  public String takes() {
    return switch (kind) {
      case CHOICE, KERNEL -> String.join(" or ", choices);
      case NUMBER -> "a number from " + min + " to " + max;
      case FLAG -> "true or false";
      case TEXT -> "a text";
    };
  }
}
