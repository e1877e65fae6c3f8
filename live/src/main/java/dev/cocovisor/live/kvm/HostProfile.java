package dev.cocovisor.live.kvm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Capability;
import dev.cocovisor.api.kernel.KernelProfile;
import dev.cocovisor.api.kernel.KernelVersion;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.core.CoreSettings;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.live.agent.AgentArch;
import dev.cocovisor.script.call.Calls;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogLine;
import dev.cocovisor.script.text.LogReader;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;

/** What of a machine the model can be set to, as the fields of a log's {@code host_config} line. */
public final class HostProfile {
  private HostProfile() {}

  /** Returns the fields for a machine. */
  public static List<Value.Field> of(Machine m) {
    var fields = new ArrayList<Value.Field>();
    fields.add(Value.Field.of("kernel", new Value.Str(kernel(m.version()), false)));
    if (m.processor() == AgentArch.X86_64) {
      options(m, fields);
      fields.add(number("tdp_mmu", m.mmu().isTdp() ? 1 : 0));
      String access = m.mmu() == MmuKind.EMULATED ? "emulator" : "tables";
      fields.add(Value.Field.of("core.guest-access", new Value.Str(access, false)));
      fields.add(number("core.address-bits", m.flags().contains("la57") ? 57 : 47));
    } else {
      fields.add(Value.Field.of("arch", new Value.Sym(Architecture.ARM64.name())));
    }
    fields.add(Value.Field.of("core.thp", new Value.Str(m.thp(), false)));
    fields.add(number("core.swap", m.swap() ? 1 : 0));
    fields.add(number("core.ksm", m.ksm() ? 1 : 0));
    fields.add(number("core.huge-pages", m.hugePages()));
    fields.add(number("core.cpus", m.capability(Capability.KVM_CAP_NR_VCPUS)));
    fields.add(number("core.max-vcpus", m.capability(Capability.KVM_CAP_MAX_VCPUS)));
    fields.add(number("core.max-vcpu-ids", m.capability(Capability.KVM_CAP_MAX_VCPU_ID)));
    String capabilities = unlike(m, fields);
    if (!capabilities.isEmpty()) {
      fields.add(Value.Field.of("core.capabilities", new Value.Str(capabilities, false)));
    }
    return List.copyOf(fields);
  }

  /** Returns the newest kernel that the model has and that is not newer than this one. */
  static String kernel(String version) {
    String best = KernelProfile.RELEASES.getFirst();
    for (String release : KernelProfile.RELEASES) {
      if (KernelVersion.of(release).compareTo(KernelVersion.of(version)) <= 0) {
        best = release;
      }
    }
    return best;
  }

  /** What a kernel was built with shows in its capabilities. */
  private static void options(Machine m, List<Value.Field> fields) {
    long inPlace = m.capability(Capability.KVM_CAP_GUEST_MEMFD_MEMORY_ATTRIBUTES);
    fields.add(
        number("memory_attributes", one(m.capability(Capability.KVM_CAP_MEMORY_ATTRIBUTES))));
    if (inPlace > 0) {
      fields.add(number("gmem_in_place_conversion", 1));
    }
    fields.add(number("smm", one(m.capability(Capability.KVM_CAP_X86_SMM))));
  }

  private static long one(long answer) {
    return answer > 0 ? 1 : 0;
  }

  /** Returns what this machine answers to KVM_CHECK_EXTENSION and the model, set so, does not. */
  private static String unlike(Machine m, List<Value.Field> fields) {
    HostConfig host =
        HostConfig.DEFAULT
            .withTdpMmu(m.mmu().isTdp())
            .withArchitecture(
                m.processor() == AgentArch.X86_64 ? Architecture.X86_64 : Architecture.ARM64);
    for (Value.Field f : fields) {
      if (!f.name().equals("tdp_mmu") && !f.name().equals("arch")) {
        host = host.withSetting(f.name(), text(f.value()));
      }
    }
    var text = new StringJoiner(" ");
    try (var kvm = new Kvm(host, List.of())) {
      var process = new KvmProcess(kvm);
      int system = (int) process.openDevKvm();
      int vm = (int) process.createVm(system, 0);
      for (int c = 0; c < Machine.CAPABILITIES; c++) {
        long here = m.capabilities().getOrDefault(c, 0L);
        long hereOnVm = m.vmCapabilities().getOrDefault(c, 0L);
        if (here != process.checkExtension(system, c)
            || hereOnVm != process.checkExtension(vm, c)) {
          Capability named = Capability.of(c);
          text.add(
              (named == null ? Integer.toString(c) : named.name())
                  + "="
                  + here
                  + (here == hereOnVm ? "" : "/" + hereOnVm));
        }
      }
    }
    return text.toString();
  }

  private static String text(Value v) {
    return v instanceof Value.Str s ? s.text() : LogWriter.value(v);
  }

  /** Returns the line that sets the model so. */
  public static LogCall line(Machine machine) {
    return Calls.call("host_config", new Value.Struct(of(machine)))
        .withResult(LogResult.of(Value.Num.of(0)));
  }

  /** Returns a machine's profile as settings by their names. */
  public static Map<String, String> settings(Machine machine) {
    return settings(of(machine));
  }

  /**
   * Returns the profile that a file holds: the first host_config line of a profile or of a log.
   *
   * @throws IOException if the file cannot be read
   * @throws dev.cocovisor.api.log.LogSyntaxException if it has none, or a line before it is no line
   */
  public static Map<String, String> read(LogSource file) throws IOException {
    try (var reader = new LogReader(file)) {
      for (LogLine l = reader.next(); l != null; l = reader.next()) {
        if (l instanceof LogCall c
            && c.name().equals("host_config")
            && c.args().getFirst() instanceof Value.Struct s) {
          return settings(s.fields());
        }
      }
    }
    throw new LogSyntaxException(file.name(), 1, 1, "the end", "a line host_config({…})");
  }

  private static Map<String, String> settings(List<Value.Field> fields) {
    var settings = new LinkedHashMap<String, String>();
    for (Value.Field f : fields) {
      String name = f.name().equals("tdp_mmu") ? CoreSettings.TDP_MMU.name() : f.name();
      settings.put(name, text(f.value()));
    }
    return settings;
  }

  /** Returns the profile as a file. */
  public static String text(Machine machine) {
    return "# " + machine.describe() + "\n" + LogWriter.line(line(machine)) + "\n";
  }

  private static Value.Field number(String name, long n) {
    return Value.Field.of(name, Value.Num.of(n));
  }
}
