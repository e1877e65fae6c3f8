package dev.cocovisor.script.scenario;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.Nearest;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.CoreSettings;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.kernel.KernelSettings;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.Value;
import dev.cocovisor.vmm.Technologies;
import dev.cocovisor.vmm.Technology;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedSet;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Finds out what host a program ran on, from its {@code host_config} lines and its vocabulary.
 *
 * <p>A technology is present only if the program asks for it, by {@code backend=} or by the name of
 * one of its VM types: the recorded x86 host, for one, answers EINVAL to every type but two. Where
 * a program names neither, the words that technologies declare as theirs decide.
 */
final class HostSetup {
  private static final List<String> FIELDS =
      List.of("tdp_mmu", "memory", "arch", "backend", "recorder");

  private static final List<String> KERNEL =
      KernelSettings.all().stream().map(Setting::name).toList();

  private final Technologies technologies;
  private final Map<String, String> chosen;
  private final LogHabits habits;
  private final SequencedSet<String> wanted = new LinkedHashSet<>();
  private final Set<String> words = new LinkedHashSet<>();
  private final Map<String, String> settings = new LinkedHashMap<>();
  private HostConfig config = HostConfig.DEFAULT;
  private boolean architectureGiven;

  /**
   * Prepares a host.
   *
   * @param chosen settings that win over those of the program
   * @param habits what the programs before it in the same log showed
   */
  HostSetup(Technologies technologies, Map<String, String> chosen, LogHabits habits) {
    this.habits = habits;
    this.technologies = technologies;
    this.chosen = chosen;
  }

  /** Adds a technology that the program does not name itself. */
  void want(String id) {
    Technology t = technologies.find(id);
    if (t == null || !t.builtIn()) {
      wanted.add(id);
    }
  }

  /** Returns the technology asked for first, or null. */
  @Nullable String first() {
    return wanted.isEmpty() ? null : wanted.getFirst();
  }

  /** Looks at a line for words that tell the host's architecture and technology. */
  void look(LogCall call) {
    if (call.name().startsWith("guest_")) {
      words.add(call.name());
    }
    for (Value arg : call.args()) {
      if (arg instanceof Value.Sym s && s.name().startsWith("KVM_")) {
        words.add(s.name());
      }
    }
  }

  /**
   * Applies a {@code host_config} line.
   *
   * @throws Refused if a field is unknown or its value out of range
   */
  void apply(Fields fields) {
    fields
        .asMap()
        .forEach((name, value) -> {
          try {
            apply(name, value, fields);
          } catch (IllegalArgumentException e) {
            throw new Refused(name, String.valueOf(e.getMessage()));
          }
        });
  }

  private void apply(String name, Object value, Fields fields) {
    switch (name) {
      case "tdp_mmu" -> config = config.withTdpMmu(fields.number(name) != 0);
      case "memory" ->
          config = config.withMemoryFrames(fields.number(name) >>> PageLevel.PAGE_SHIFT);
      case "arch" -> {
        config = config.withArchitecture(architecture(fields.text(name, "")));
        architectureGiven = true;
      }
      // Who watched the program: says how to read the log, and nothing about the host.
      case "recorder" -> {}
      case "backend" -> {
        if (value instanceof List<?> all) {
          all.forEach(one -> want(one.toString()));
        } else {
          want(value.toString());
        }
      }
      default -> {
        if (name.indexOf('.') < 0 && !KERNEL.contains(name)) {
          var known = new ArrayList<>(FIELDS);
          known.addAll(KERNEL);
          throw new IllegalArgumentException(Nearest.refusal("field", name, known));
        }
        settings.put(name, technologies.setting(name).checked(value.toString()));
      }
    }
  }

  private Architecture architecture(String name) {
    Map<String, Architecture> known = new TreeMap<>();
    for (Architecture a : List.of(Architecture.X86_64, Architecture.ARM64, Architecture.RISCV64)) {
      known.put(a.name(), a);
    }
    technologies.all().forEach(t -> known.put(t.architecture().name(), t.architecture()));
    known.put("x86", Architecture.X86_64);
    known.put("aarch64", Architecture.ARM64);
    Architecture found = known.get(name);
    if (found == null) {
      throw new IllegalArgumentException(Nearest.refusal("architecture", name, known.keySet()));
    }
    return found;
  }

  /** The program shows a property of its host, where nobody sets it. */
  void suppose(String setting, long value) {
    settings.putIfAbsent(setting, Long.toString(value));
  }

  /** Boots the host. */
  Kvm boot(TraceSink trace) {
    List<Backend> present = present();
    HostConfig host = config;
    if (!architectureGiven && !present.isEmpty()) {
      host = host.withArchitecture(present.getFirst().info().architecture());
    }
    chosen.forEach((name, value) -> settings.put(name, technologies.setting(name).checked(value)));
    // What a technology that this host does not have would be set to means nothing here.
    List<String> known =
        Stream.concat(
                CoreSettings.ALL.stream(),
                present.stream().flatMap(b -> b.info().settings().stream()))
            .map(Setting::name)
            .toList();
    for (Map.Entry<String, String> e : settings.entrySet()) {
      if (known.contains(e.getKey())) {
        host = host.withSetting(e.getKey(), e.getValue());
      }
    }
    return technologies.boot(host, present, trace);
  }

  private List<Backend> present() {
    var present = new ArrayList<Backend>();
    for (String id : wanted) {
      Backend b = technologies.require(id).backend();
      if (b != null) {
        present.add(b);
      }
    }
    if (!wanted.isEmpty()) {
      return present;
    }
    for (Backend b : technologies.backends()) {
      if (b.info().vmTypes().stream().map(VmType::name).anyMatch(words::contains)) {
        present.add(b);
      }
    }
    if (present.isEmpty()) {
      meant().ifPresent(present::add);
    }
    for (Backend b : present) {
      habits.meant(b.info().id());
      b.logWords().recorded().forEach(settings::putIfAbsent);
    }
    return present;
  }

  /** The technology whose words the program uses, or the one of the programs before it. */
  private Optional<Backend> meant() {
    return technologies.backends().stream()
        .filter(b -> b.logWords().meaning().stream().anyMatch(words::contains))
        .findFirst()
        .or(() ->
            technologies.backends().stream()
                .filter(b -> b.info().id().equals(habits.technology()))
                .findFirst());
  }

  /** A field of {@code host_config} is wrong. */
  static final class Refused extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private final String field;

    Refused(String field, String why) {
      super(why);
      this.field = field;
    }

    /** Returns the field's name. */
    String field() {
      return field;
    }
  }
}
