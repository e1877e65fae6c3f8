package dev.cocovisor.script.scenario;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.Value;
import dev.cocovisor.vmm.VmmDrivers;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.SequencedSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds out what host a program ran on, from its {@code host_config} lines and its vocabulary.
 *
 * <p>A technology is present only if the program asks for it, by {@code backend=} or by the name of
 * one of its VM types: the recorded x86 host, for one, answers EINVAL to every type but two. A
 * program for arm64 names at least one of its VM types, vCPU ioctls or hypercalls; unless it asks
 * for another technology its host runs {@code kvm-arm.mode=protected}, as the recorded one did.
 */
final class HostSetup {
  private static final String ARM_DEFAULT = "pkvm";

  private final List<Backend> available;
  private final SequencedSet<String> wanted = new LinkedHashSet<>();
  private final Set<String> symbols = new LinkedHashSet<>();
  private HostConfig config = HostConfig.DEFAULT;
  private boolean architectureGiven;

  HostSetup(List<Backend> available) {
    this.available = available;
  }

  /** Adds a technology that the program does not name itself. */
  void want(String backend) {
    if (!backend.equals(VmmDrivers.BUILT_IN)) {
      wanted.add(backend);
    }
  }

  /** Returns the technology asked for first, or null. */
  @Nullable String first() {
    return wanted.isEmpty() ? null : wanted.getFirst();
  }

  /** Looks at a call for words that tell the host's architecture and technology. */
  void look(LogCall call) {
    if (call.name().equals("guest_hvc") || call.name().equals("guest_rsi")) {
      symbols.add("KVM_ARM_" + call.name());
    }
    for (Value arg : call.args()) {
      if (arg instanceof Value.Sym s && s.name().startsWith("KVM_")) {
        symbols.add(s.name());
      }
    }
  }

  /**
   * Applies a {@code host_config} line.
   *
   * @throws IllegalArgumentException if a value is out of range
   */
  void apply(Fields fields) {
    fields
        .asMap()
        .forEach((name, value) -> {
          switch (name) {
            case "tdp_mmu" -> config = config.withTdpMmu(fields.number(name) != 0);
            case "memory" -> config = config.withMemoryFrames(fields.number(name) >>> 12);
            case "arch" -> {
              config = config.withArchitecture(architecture(fields.text(name, "")));
              architectureGiven = true;
            }
            case "backend" -> {
              if (value instanceof List<?> all) {
                all.forEach(one -> wanted.add(one.toString()));
              } else {
                wanted.add(value.toString());
              }
            }
            default -> config = config.withSetting(name, value.toString());
          }
        });
  }

  private static Architecture architecture(String name) {
    return switch (name) {
      case "x86_64", "x86" -> Architecture.X86_64;
      case "arm64", "aarch64" -> Architecture.ARM64;
      case "riscv64" -> Architecture.RISCV64;
      default -> throw new IllegalArgumentException("arch " + name + " is none of x86_64, arm64");
    };
  }

  /** Boots the host. */
  Kvm boot(TraceSink trace) {
    var present = new ArrayList<Backend>();
    for (Backend b : available) {
      boolean named = wanted.contains(b.info().id());
      boolean meant =
          wanted.isEmpty()
              && b.info().vmTypes().stream().map(VmType::name).anyMatch(symbols::contains);
      if (named || meant) {
        present.add(b);
      }
    }
    for (String id : wanted) {
      if (present.stream().noneMatch(b -> b.info().id().equals(id))) {
        throw new IllegalArgumentException(
            "there is no backend '"
                + id
                + "', only "
                + available.stream().map(b -> b.info().id()).sorted().toList());
      }
    }
    HostConfig host = config;
    if (!architectureGiven) {
      boolean arm = symbols.stream().anyMatch(s -> s.contains("_ARM_"));
      if (present.isEmpty() && arm) {
        available.stream().filter(b -> b.info().id().equals(ARM_DEFAULT)).forEach(present::add);
      }
      host =
          host.withArchitecture(
              !present.isEmpty()
                  ? present.getFirst().info().architecture()
                  : arm ? Architecture.ARM64 : Architecture.X86_64);
    }
    return new Kvm(host, present, trace);
  }
}
