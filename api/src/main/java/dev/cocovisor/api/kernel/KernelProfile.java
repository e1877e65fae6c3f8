package dev.cocovisor.api.kernel;

import dev.cocovisor.api.Nearest;
import java.util.Collection;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apiguardian.api.API;

/**
 * The kernel of a host: a release, how it was built and loaded, and rules taken over from other
 * releases. Immutable.
 *
 * <p>Code that differs between kernels asks for a rule's strategy ({@link #on}) when it is made,
 * and follows it; nothing asks for the release.
 *
 * @since 0.3
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.3")
public final class KernelProfile {
  /** The releases there are profiles of, the oldest first. */
  public static final List<String> RELEASES = List.of("6.12", "6.16", "6.18", "7.2", "7.3", "7.4");

  private static final KernelVersion IN_PLACE_SINCE = KernelVersion.of("7.4");
  private static final KernelVersion SERIES_FITS = KernelVersion.of("7.3");

  /** The kernel of most recordings: Linux 7.3. */
  public static final KernelProfile REFERENCE = release("7.3");

  private final KernelVersion version;
  private final EnumSet<KernelOption> options;
  private final Map<String, KernelVersion> taken;

  private KernelProfile(
      KernelVersion version, EnumSet<KernelOption> options, Map<String, KernelVersion> taken) {
    this.version = version;
    this.options = options;
    this.taken = taken;
  }

  /**
   * Returns a release as it is built and loaded by default: from 7.4 on, guest_memfds keep the
   * attributes and VMs do not.
   *
   * @throws IllegalArgumentException if there is no profile of it
   */
  public static KernelProfile release(String name) {
    if (!RELEASES.contains(name)) {
      throw new IllegalArgumentException(Nearest.refusal("kernel", name, RELEASES));
    }
    KernelVersion v = KernelVersion.of(name);
    var options = EnumSet.of(KernelOption.SMM);
    options.add(
        v.compareTo(IN_PLACE_SINCE) >= 0
            ? KernelOption.IN_PLACE_CONVERSION
            : KernelOption.MEMORY_ATTRIBUTES);
    return new KernelProfile(v, options, Map.of());
  }

  /**
   * Returns the kernel that a text names: a release, and after each {@code +} a rule taken over
   * from another one, {@code 6.12+bind-overlap@7.2}.
   *
   * @param rules the rules there are
   * @throws IllegalArgumentException if a release or rule is not known; the text says what is
   */
  public static KernelProfile parse(String text, Collection<? extends KernelRule<?>> rules) {
    if (text.equals(REFERENCE.version.toString())) {
      return REFERENCE;
    }
    String[] parts = text.split("\\+", -1);
    KernelProfile p = release(parts[0]);
    for (int i = 1; i < parts.length; i++) {
      int at = parts[i].indexOf('@');
      if (at < 0) {
        throw new IllegalArgumentException(
            "kernel '" + text + "': a rule is taken over by +RULE@RELEASE");
      }
      p = p.taking(parts[i].substring(0, at), parts[i].substring(at + 1), rules);
    }
    return p;
  }

  private KernelProfile taking(
      String rule, String from, Collection<? extends KernelRule<?>> rules) {
    if (rules.stream().noneMatch(r -> r.id().equals(rule))) {
      throw new IllegalArgumentException(
          Nearest.refusal("rule of kernels", rule, rules.stream().map(KernelRule::id).toList()));
    }
    var all = new TreeMap<>(taken);
    all.put(rule, release(from).version);
    return new KernelProfile(version, options, all);
  }

  /**
   * Returns this kernel with an option chosen.
   *
   * @throws IllegalArgumentException if the release has no such thing
   */
  public KernelProfile with(KernelOption option, boolean on) {
    if (option == KernelOption.IN_PLACE_CONVERSION && on && version.compareTo(SERIES_FITS) < 0) {
      throw new IllegalArgumentException(
          "kernel "
              + version
              + " has no "
              + option.setting()
              + ": 7.4 has, and 7.3 with its series");
    }
    var all = EnumSet.copyOf(options);
    if (on) {
      all.add(option);
    } else {
      all.remove(option);
    }
    return new KernelProfile(version, all, taken);
  }

  /** Returns the options that are on. */
  public Set<KernelOption> options() {
    return EnumSet.copyOf(options);
  }

  boolean has(KernelOption option) {
    return options.contains(option);
  }

  /** Returns the release, for those who print it. */
  public KernelVersion version() {
    return version;
  }

  /** Returns what the kernel does about a rule. */
  public <S> S on(KernelRule<S> rule) {
    return answer(rule).strategy();
  }

  /** Returns what the kernel does about a rule, with source and witness. */
  public <S> KernelRule.Answer<S> answer(KernelRule<S> rule) {
    KernelVersion from = taken.get(rule.id());
    KernelProfile asked = from == null ? this : release(from.toString());
    return rule.answers().get(rule.indexOn(asked));
  }

  /** Returns the rules, of those given, that another kernel answers otherwise. */
  public List<KernelRule<?>> differing(
      KernelProfile other, Collection<? extends KernelRule<?>> rules) {
    return rules.stream()
        .<KernelRule<?>>map(r -> r)
        .filter(r -> !answer(r).equals(other.answer(r)))
        .toList();
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof KernelProfile p
        && p.version.equals(version)
        && p.options.equals(options)
        && p.taken.equals(taken);
  }

  @Override
  public int hashCode() {
    return new HashMap<>(taken).hashCode() * 31 + version.hashCode() * 31 + options.hashCode();
  }

  /** Returns the release and the rules taken over, as {@link #parse} reads it. */
  @Override
  public String toString() {
    var text = new StringBuilder(version.toString());
    taken.forEach((rule, from) -> text.append('+').append(rule).append('@').append(from));
    return text.toString();
  }
}
