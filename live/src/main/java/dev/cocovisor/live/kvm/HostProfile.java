package dev.cocovisor.live.kvm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Capability;
import dev.cocovisor.live.agent.Processor;
import dev.cocovisor.script.call.Calls;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.List;

/** What of a machine the model can be set to, as the fields of a log's {@code host_config} line. */
public final class HostProfile {
  private HostProfile() {}

  /** Returns the fields for a machine. */
  public static List<Value.Field> of(Machine m) {
    var fields = new ArrayList<Value.Field>();
    if (m.processor() == Processor.X86_64) {
      fields.add(number("tdp_mmu", m.mmu().isTdp() ? 1 : 0));
      fields.add(number("core.address-bits", m.flags().contains("la57") ? 57 : 47));
    } else {
      fields.add(Value.Field.of("arch", new Value.Sym(Architecture.ARM64.name())));
    }
    fields.add(Value.Field.of("core.thp", new Value.Str(m.thp(), false)));
    fields.add(number("core.swap", m.swap() ? 1 : 0));
    fields.add(number("core.ksm", m.ksm() ? 1 : 0));
    fields.add(number("core.cpus", m.capability(Capability.KVM_CAP_NR_VCPUS)));
    fields.add(number("core.max-vcpus", m.capability(Capability.KVM_CAP_MAX_VCPUS)));
    fields.add(number("core.max-vcpu-ids", m.capability(Capability.KVM_CAP_MAX_VCPU_ID)));
    return List.copyOf(fields);
  }

  /** Returns the line that sets the model so. */
  public static LogCall line(Machine machine) {
    return Calls.call("host_config", new Value.Struct(of(machine)))
        .withResult(LogResult.of(Value.Num.of(0)));
  }

  /** Returns the profile as a file. */
  public static String text(Machine machine) {
    return "# " + machine.describe() + "\n" + LogWriter.line(line(machine)) + "\n";
  }

  private static Value.Field number(String name, long n) {
    return Value.Field.of(name, Value.Num.of(n));
  }
}
