package dev.cocovisor.tdx.logs;

import dev.cocovisor.tdx.logs.Program.State;
import java.util.List;
import java.util.function.Consumer;

/**
 * What KVM_ENABLE_CAP and KVM_SET_TSC_KHZ ask of a TD's VM. A rule whose answer is that of success
 * says what is not looked at; it is the last of its table.
 */
final class CapabilityTables {
  private static final String EINVAL = "-1 EINVAL";
  private static final String X86 = "Linux 7.3, arch/x86/kvm/x86.c, ";
  private static final String ENABLE = X86 + "kvm_vm_ioctl_enable_cap ";

  private CapabilityTables() {}

  static List<RuleTable> all() {
    return List.of(
        splitIrqchip(),
        x2apic(),
        apicBusCycles(),
        notifyExit(),
        busLockExit(),
        userSpaceMsr(),
        maxVcpuId(),
        tscKhz());
  }

  private static Rule rule(String what, String about, String answer, Consumer<Program> breaks) {
    return new Rule(what, about, answer, breaks);
  }

  private static Rule argument(String what, String value, String answer) {
    return rule(what, "args[0]", answer, p -> p.field("args[0]", value));
  }

  private static Rule vcpus(String what, String answer) {
    return rule(what, "vcpus", answer, p -> p.state = State.VCPU_CREATED);
  }

  private static Rule flags() {
    return rule("flags are set", "flags", EINVAL, p -> p.field("flags", "1"));
  }

  private static RuleTable table(String cap, String arg, String early, List<Rule> rules) {
    return new RuleTable(
        ENABLE + "(" + cap + ")",
        () -> {
          Program p = new Program(State.CREATED).field("args[0]", arg);
          if (!early.isEmpty()) {
            p.early.add(early);
          }
          return p;
        },
        p -> "0",
        p -> "ioctl(5, KVM_ENABLE_CAP, " + p.structure("cap=" + cap) + ")",
        rules);
  }

  static RuleTable splitIrqchip() {
    return table(
        "KVM_CAP_SPLIT_IRQCHIP",
        "24",
        "",
        List.of(
            flags(),
            argument("more than 4096 routes", "4097", EINVAL),
            rule(
                "the irqchip is split",
                "irqchip",
                "-1 EEXIST",
                p -> p.early.add(Program.SPLIT_IRQCHIP)),
            vcpus("there are vCPUs", "-1 EEXIST")));
  }

  static RuleTable x2apic() {
    return table(
        "KVM_CAP_X2APIC_API",
        "4",
        Program.SPLIT_IRQCHIP,
        List.of(
            flags(),
            argument("an unknown flag of the API", "0x10", EINVAL),
            argument("EOI broadcasts both suppressed and not", "12", EINVAL),
            rule(
                "the irqchip is not split",
                "irqchip args[0]",
                EINVAL,
                p -> p.early.remove(Program.SPLIT_IRQCHIP)),
            vcpus("there are vCPUs, which is no fault", "0")));
  }

  static RuleTable apicBusCycles() {
    return table(
        "KVM_CAP_X86_APIC_BUS_CYCLES_NS",
        "40",
        Program.SPLIT_IRQCHIP,
        List.of(
            flags(),
            argument("a cycle of 0 ns", "0", EINVAL),
            argument("a cycle that overflows the timer", "0x2000001", EINVAL),
            rule(
                "the local APICs are not KVM's",
                "irqchip",
                "-1 ENXIO",
                p -> p.early.remove(Program.SPLIT_IRQCHIP)),
            vcpus("there are vCPUs", EINVAL)));
  }

  static RuleTable notifyExit() {
    return table(
        "KVM_CAP_X86_NOTIFY_VMEXIT",
        "0x8000000000000003",
        "",
        List.of(
            flags(),
            argument("an unknown flag of the exit", "7", EINVAL),
            argument("told to user space and not enabled", "2", EINVAL),
            vcpus("there are vCPUs", EINVAL)));
  }

  static RuleTable busLockExit() {
    return table(
        "KVM_CAP_X86_BUS_LOCK_EXIT",
        "2",
        "",
        List.of(
            flags(),
            argument("an unknown mode", "4", EINVAL),
            argument("both off and exit", "3", EINVAL),
            argument("off, which is no fault", "1", "0"),
            vcpus("there are vCPUs, which is no fault", "0")));
  }

  static RuleTable userSpaceMsr() {
    return table(
        "KVM_CAP_X86_USER_SPACE_MSR",
        "7",
        "",
        List.of(
            flags(),
            argument("an unknown reason", "8", EINVAL),
            vcpus("there are vCPUs, which is no fault", "0")));
  }

  static RuleTable maxVcpuId() {
    return table(
        "KVM_CAP_MAX_VCPU_ID",
        "2",
        "",
        List.of(
            flags(),
            argument("more than 4096 ids", "4097", EINVAL),
            rule(
                "another limit was set",
                "limit",
                EINVAL,
                p ->
                    p.early.add(
                        "ioctl(5, KVM_ENABLE_CAP, {cap=KVM_CAP_MAX_VCPU_ID, args[0]=3}) = 0")),
            vcpus("there are vCPUs, which settled the limit", EINVAL)));
  }

  static RuleTable tscKhz() {
    return new RuleTable(
        X86 + "kvm_arch_vm_ioctl (KVM_SET_TSC_KHZ), kvm_x86_vendor_init (max_guest_tsc_khz)",
        () -> new Program(State.CREATED).field("khz", "1000000"),
        p -> "0",
        p -> "ioctl(5, KVM_SET_TSC_KHZ, " + p.fields.get("khz") + ")",
        List.of(
            khz("a frequency that is no positive 32-bit number", "0x7fffffff", EINVAL),
            vcpus("there are vCPUs", EINVAL),
            khz("0 for the host's frequency, which is no fault", "0", "0"),
            khz("more than 32 bits, which are not looked at", "0x100000000", "0")));
  }

  private static Rule khz(String what, String value, String answer) {
    return rule(what, "khz", answer, p -> p.field("khz", value));
  }
}
