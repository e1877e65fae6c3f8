package dev.cocovisor.snp.rules;

import static dev.cocovisor.snp.rules.Preamble.USER;

import dev.cocovisor.snp.rules.RuleTable.Stage;
import java.util.List;
import java.util.stream.Stream;

/**
 * The order of checks of the deprecated commands and of ioctls that are no commands of
 * KVM_MEMORY_ENCRYPT_OP, read off Linux 7.3.
 */
final class IoctlRules {
  private static final String EINVAL = "EINVAL";
  private static final String X86 = "arch/x86/kvm/x86.c, ";

  private IoctlRules() {}

  /** What only asks whether the registers are hidden. */
  private static final List<String> REGISTERS =
      List.of(
          "GET_REGS",
          "SET_REGS",
          "GET_SREGS",
          "SET_SREGS",
          "GET_SREGS2",
          "SET_SREGS2",
          "GET_DEBUGREGS",
          "GET_XCRS",
          "SET_XCRS",
          "SET_GUEST_DEBUG");

  /** And what SNP's launch leaves in sight. */
  private static final List<String> FLOATS =
      List.of("GET_FPU", "SET_FPU", "GET_XSAVE", "GET_XSAVE2", "SET_XSAVE");

  static List<RuleTable> all() {
    return Stream.of(calls(), registers("SNP"), registers("SEV_ES"), floats(), mirrors())
        .flatMap(List::stream)
        .toList();
  }

  private static RuleTable registers(String ioctl, String type) {
    return new RuleTable(
        "KVM registers",
        "ioctl(5, KVM_" + ioctl + ", {",
        "arch/x86/kvm/regs.c and x86.c, what asks guest_state_protected or fpstate_is_confidential",
        type,
        Stage.STARTED);
  }

  private static List<RuleTable> registers(String type) {
    Stage hidden = type.equals("SNP") ? Stage.RUNNING : Stage.MEASURED;
    return REGISTERS.stream()
        .map(r ->
            registers(r, type)
                .good(r + " as long as they are in sight", ") = 0")
                .when(r + " of what is measured", hidden, EINVAL))
        .toList();
  }

  private static List<RuleTable> floats() {
    Stream<RuleTable> snp =
        FLOATS.stream()
            .map(r ->
                registers(r, "SNP")
                    .good(r + " as long as they are in sight", ") = 0")
                    .endsWhen(r + " of what is measured", Stage.RUNNING, ") = 0"));
    Stream<RuleTable> es =
        FLOATS.stream()
            .map(r ->
                registers(r, "SEV_ES")
                    .good(r + " as long as they are in sight", ") = 0")
                    .when(r + " of what is measured", Stage.MEASURED, EINVAL));
    return Stream.concat(snp, es).toList();
  }

  /** Before anything else a mirror is told that a command is not its own. */
  private static List<RuleTable> mirrors() {
    List<String> owners =
        List.of(
            "INIT",
            "ES_INIT",
            "INIT2",
            "LAUNCH_START",
            "LAUNCH_UPDATE_DATA",
            "LAUNCH_SECRET",
            "LAUNCH_MEASURE",
            "LAUNCH_FINISH",
            "SEND_START",
            "SEND_UPDATE_DATA",
            "SEND_FINISH",
            "SEND_CANCEL",
            "RECEIVE_START",
            "RECEIVE_UPDATE_DATA",
            "RECEIVE_FINISH",
            "GET_ATTESTATION_REPORT",
            "SNP_LAUNCH_START",
            "SNP_LAUNCH_UPDATE",
            "SNP_LAUNCH_FINISH",
            "SNP_ENABLE_REQ_CERTS");
    Stream<RuleTable> refused =
        owners.stream()
            .map(c ->
                mirror(c)
                    .good(c + " is the owner's", ") = -1 EINVAL")
                    .wrong(c + " is the owner's: data is not looked at", EINVAL, "data", 0));
    Stream<RuleTable> taken =
        Stream.of(
            mirror("GUEST_STATUS").wrong("data is not mapped", "EFAULT", "data", 0),
            mirror("LAUNCH_UPDATE_VMSA").good("SEV alone has no save areas", ") = -1 ENOTTY"),
            debug("DBG_DECRYPT"),
            debug("DBG_ENCRYPT"));
    return Stream.concat(refused, taken).toList();
  }

  private static RuleTable debug(String command) {
    return mirror(command)
        .good("src_uaddr", USER, "dst_uaddr", USER, "len", 16)
        .good("a page cannot be pinned", ") = -1 ENOMEM")
        .wrong("data is not mapped", "EFAULT", "data", 0)
        .wrong("no length", EINVAL, "len", 0);
  }

  private static RuleTable mirror(String command) {
    return new RuleTable(
        "KVM_SEV commands",
        "ioctl(5, KVM_MEMORY_ENCRYPT_OP, {id=KVM_SEV_" + command,
        "sev_mem_enc_ioctl, is_cmd_allowed_from_mirror",
        "MIRROR",
        Stage.STARTED);
  }

  private static List<RuleTable> calls() {
    return List.of(
        init("INIT"),
        init("ES_INIT"),
        tooNew(),
        region(),
        attribute("GET").wrong("the value cannot be written", "EFAULT", "addr", 0x1000),
        attribute("HAS"),
        debugRegisters(),
        runnableOnly(),
        state());
  }

  private static RuleTable init(String command) {
    return new RuleTable(
            command,
            "sev_mem_enc_ioctl, sev_guest_init, __sev_guest_init",
            "DEFAULT",
            Stage.CREATED)
        .good("data", 0)
        .when("there is a vCPU", Stage.CROWDED, EINVAL)
        .when("it was initialised already", Stage.INITIALIZED, EINVAL);
  }

  /** A VM of the default type does not wait for INIT2: it says so before it reads anything. */
  private static RuleTable tooNew() {
    return new RuleTable("INIT2", "sev_guest_init2", "DEFAULT", Stage.CREATED)
        .good("it does not wait for INIT2", ") = -1 EINVAL")
        .wrong("data of the command is not mapped", EINVAL, "data", 0)
        .when("there is a vCPU", Stage.CROWDED, EINVAL)
        .when("it was initialised already", Stage.INITIALIZED, EINVAL);
  }

  private static RuleTable region() {
    return new RuleTable(
            "KVM_MEMORY_ENCRYPT_REG_REGION",
            "ioctl(4, KVM_MEMORY_ENCRYPT_REG_REGION, {",
            "sev_mem_enc_register_region, sev_pin_memory",
            "SEV",
            Stage.INITIALIZED)
        .good("addr", USER, "size", 0x1000)
        .when("no INIT2 yet", Stage.CREATED, "ENOTTY")
        .wrong("no size", EINVAL, "size", 0)
        .wrong("the range wraps around", EINVAL, "addr", -0x800L, "size", 0x1000)
        .wrong("a page cannot be pinned", "ENOMEM", "addr", 0x7e00_0000_0000L);
  }

  private static RuleTable attribute(String what) {
    String name = "KVM_" + what + "_DEVICE_ATTR";
    return new RuleTable(
            name,
            "ioctl(3, " + name + ", {",
            X86 + "__kvm_x86_dev_get_attr; svm/sev.c, sev_dev_get_attr",
            "SNP",
            Stage.CREATED)
        .good("group", 1, "attr", 0, "addr", USER)
        .wrong("no such group", "ENXIO", "group", 2)
        .wrong("no such attribute", "ENXIO", "attr", 3);
  }

  private static RuleTable debugRegisters() {
    return new RuleTable(
            "KVM_SET_DEBUGREGS",
            "ioctl(5, KVM_SET_DEBUGREGS, {",
            "arch/x86/kvm/regs.c, kvm_vcpu_ioctl_x86_set_debugregs",
            "SNP",
            Stage.STARTED)
        .good("flags", 0, "dr6", 0xffff_0ff0L, "dr7", 0x401)
        .when("the registers are hidden", Stage.RUNNING, EINVAL)
        .wrong("flags are set", EINVAL, "flags", 1)
        .wrong("DR6 has more than 32 bits", EINVAL, "dr6", 1L << 32)
        .wrong("DR7 has more than 32 bits", EINVAL, "dr7", 1L << 32);
  }

  private static RuleTable states(String title) {
    return new RuleTable(
        title,
        "ioctl(5, KVM_SET_MP_STATE, {",
        X86 + "kvm_arch_vcpu_ioctl_set_mpstate",
        "SNP",
        Stage.RUNNING);
  }

  private static RuleTable runnableOnly() {
    RuleTable t = states("KVM_SET_MP_STATE").good("mp_state", 0);
    for (int s : new int[] {1, 2, 3, 4, 9, 10}) {
      var _ = t.wrong("the local APIC is not KVM's", EINVAL, "mp_state", s);
    }
    return t;
  }

  private static RuleTable state() {
    RuleTable t = states("KVM_SET_MP_STATE local APIC").withIrqchip().good("mp_state", 3);
    for (int s : new int[] {5, 6, 7, 8, 10}) {
      var _ = t.wrong("a state of another architecture, or none", EINVAL, "mp_state", s);
    }
    return t;
  }
}
