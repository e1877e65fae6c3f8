package dev.cocovisor.tck.subject;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.Nearest;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a backend says of itself in {@code tck.properties}: {@code behaviours}, {@code claims}, and
 * for a setting that changes them {@code with.SETTING.VALUE}, behaviours and claims with {@code +}
 * or {@code -} in front.
 */
record Declaration(Set<Behaviour> behaviours, Set<Claim> claims, Map<String, String> withSettings) {
  private static final String LAUNCH = "launch.";
  private static final String UNJUDGED = "unjudged.";
  private static final String WITH = "with.";

  /** What a backend without a declaration is held to. */
  static final Declaration USUAL =
      new Declaration(Behaviour.usual(), Claim.confidential(), Map.of());

  /**
   * Reads a backend's declaration.
   *
   * @throws IllegalArgumentException if it has a word nobody knows; the text says which was meant
   */
  static Declaration of(String id, ClassLoader loader) {
    String name = JudgedBackend.PROPERTIES.formatted(id);
    try (InputStream in = loader.getResourceAsStream(name)) {
      if (in == null) {
        return USUAL;
      }
      Properties p = new Properties();
      p.load(in);
      Map<String, String> with = new java.util.TreeMap<>();
      for (String key : p.stringPropertyNames()) {
        if (key.startsWith(WITH) || key.startsWith(LAUNCH) || key.startsWith(UNJUDGED)) {
          with.put(key, p.getProperty(key).strip());
        } else if (!key.equals("behaviours") && !key.equals("claims")) {
          throw new IllegalArgumentException(
              name
                  + ": "
                  + Nearest.refusal(
                      "entry", key, Set.of("behaviours", "claims", WITH, LAUNCH, UNJUDGED)));
        }
      }
      return new Declaration(
          words(Behaviour.class, p.getProperty("behaviours", ""), name),
          words(Claim.class, p.getProperty("claims", ""), name),
          with);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static <E extends Enum<E>> Set<E> words(Class<E> type, String text, String where) {
    Set<E> found = EnumSet.noneOf(type);
    for (String word : text.split(",", -1)) {
      if (!word.isBlank()) {
        found.add(word(type, word.strip(), where));
      }
    }
    return found;
  }

  private static <E extends Enum<E>> E word(Class<E> type, String word, String where) {
    for (E e : type.getEnumConstants()) {
      if (e.name().equals(word)) {
        return e;
      }
    }
    throw new IllegalArgumentException(
        where
            + ": "
            + Nearest.refusal(
                type.getSimpleName().toLowerCase(java.util.Locale.ROOT),
                word,
                Arrays.stream(type.getEnumConstants()).map(Enum::name).toList()));
  }

  /** Returns the behaviours where settings have been made. */
  Set<Behaviour> behaviours(Map<String, String> settings) {
    return changed(Behaviour.class, behaviours, settings);
  }

  /** Returns the claims where settings have been made. */
  Set<Claim> claims(Map<String, String> settings) {
    return changed(Claim.class, claims, settings);
  }

  private <E extends Enum<E>> Set<E> changed(
      Class<E> type, Set<E> plain, Map<String, String> settings) {
    Set<E> all = EnumSet.noneOf(type);
    all.addAll(plain);
    settings.forEach((name, value) -> {
      String key = WITH + name + "." + value;
      for (String change : withSettings.getOrDefault(key, "").split(",", -1)) {
        String word = change.strip();
        if (word.isEmpty()) {
          continue;
        }
        if (!word.startsWith("+") && !word.startsWith("-")) {
          throw new IllegalArgumentException(key + ": + or - expected before " + word);
        }
        Enum<?> meant = behaviourOrClaim(word.substring(1), key);
        if (type.isInstance(meant)) {
          E one = type.cast(meant);
          var _ = word.startsWith("+") ? all.add(one) : all.remove(one);
        }
      }
    });
    return all;
  }

  private static Enum<?> behaviourOrClaim(String word, String where) {
    for (Claim c : Claim.values()) {
      if (c.name().equals(word)) {
        return c;
      }
    }
    return word(Behaviour.class, word, where);
  }

  /** Returns what a launch asks for where settings have been made. */
  Fields launch(Map<String, String> settings) {
    Fields wishes = new Fields();
    settings.forEach((name, value) -> {
      String text = withSettings.getOrDefault(LAUNCH + name + "." + value, "");
      int colon = text.indexOf(':');
      if (colon > 0) {
        wishes.put(text.substring(0, colon), Long.decode(text.substring(colon + 1)));
      }
    });
    return wishes;
  }

  /** Returns why the kit does not judge a host with these settings; null where it does. */
  @Nullable String unjudged(Map<String, String> settings) {
    for (Map.Entry<String, String> s : settings.entrySet()) {
      String why = withSettings.get(UNJUDGED + s.getKey() + "." + s.getValue());
      if (why != null) {
        return why;
      }
    }
    return null;
  }
}
