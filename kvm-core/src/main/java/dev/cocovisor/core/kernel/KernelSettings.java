package dev.cocovisor.core.kernel;

import dev.cocovisor.api.Setting;
import dev.cocovisor.api.kernel.KernelOption;
import dev.cocovisor.api.kernel.KernelProfile;
import dev.cocovisor.api.kernel.KernelRule;
import java.util.Collection;
import java.util.List;
import java.util.function.Function;

/** The settings that choose a host's kernel, named as {@code host_config} names them. */
public final class KernelSettings {
  private static final String AS_RELEASED = "auto";

  /** The release, and rules taken over from others. */
  public static final Setting KERNEL =
      Setting.kernel(
          "kernel",
          "the host's kernel; a rule of another one is taken over by +RULE@RELEASE",
          KernelProfile.REFERENCE.toString(),
          KernelProfile.RELEASES);

  private static final List<KernelOption> ALL_OPTIONS = List.of(KernelOption.values());

  private static final List<Setting> OPTIONS =
      ALL_OPTIONS.stream().map(KernelSettings::declared).toList();

  private KernelSettings() {}

  /** Returns all of them. */
  public static List<Setting> all() {
    return java.util.stream.Stream.concat(java.util.stream.Stream.of(KERNEL), OPTIONS.stream())
        .toList();
  }

  private static Setting setting(KernelOption option) {
    return OPTIONS.get(ALL_OPTIONS.indexOf(option));
  }

  private static Setting declared(KernelOption option) {
    return Setting.choice(
        option.setting(),
        "whether " + option.help() + "; auto: as the release is by default",
        AS_RELEASED,
        AS_RELEASED,
        "0",
        "1");
  }

  /**
   * Returns the kernel that settings choose.
   *
   * @param value what each setting is set to
   * @param rules the rules there are
   * @throws IllegalArgumentException if there is no such kernel
   */
  public static KernelProfile profile(
      Function<Setting, String> value, Collection<? extends KernelRule<?>> rules) {
    KernelProfile p = KernelProfile.parse(value.apply(KERNEL), rules);
    boolean convertsByDefault = p.options().contains(KernelOption.IN_PLACE_CONVERSION);
    for (KernelOption option : ALL_OPTIONS) {
      String chosen = value.apply(setting(option));
      if (!chosen.equals(AS_RELEASED)) {
        p = p.with(option, chosen.equals("1"));
      }
    }
    // Where VMs keep attributes, files do not unless they are told to (commit 537ec2b15fdd).
    boolean told = !value.apply(setting(KernelOption.IN_PLACE_CONVERSION)).equals(AS_RELEASED);
    return convertsByDefault && !told && p.options().contains(KernelOption.MEMORY_ATTRIBUTES)
        ? p.with(KernelOption.IN_PLACE_CONVERSION, false)
        : p;
  }
}
