package dev.cocovisor.snp.rules;

/** The calls that bring a guest as far as a check needs it; VM 4, vCPU 5, its memory at USER. */
final class Preamble {
  /** Where the guest's memory lies in the process. */
  static final long USER = 0x7f00_0000_0000L;

  /** Bytes of it. */
  static final long SIZE = 0x40_0000;

  /** VM 5 shares the context of VM 4, which is launching. */
  private static final String MIRROR =
      """
      host_config({backend="sev-snp"}) = 0
      openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
      ioctl(3, KVM_CREATE_VM, KVM_X86_SEV_VM) = 4
      ioctl(4, KVM_MEMORY_ENCRYPT_OP, {id=KVM_SEV_INIT2}) = 0
      ioctl(4, KVM_MEMORY_ENCRYPT_OP, {id=KVM_SEV_LAUNCH_START, policy=0}) = 0
      ioctl(3, KVM_CREATE_VM, KVM_X86_DEFAULT_VM) = 5
      ioctl(5, KVM_ENABLE_CAP, {cap=KVM_CAP_VM_COPY_ENC_CONTEXT_FROM, args[0]=4}) = 0
      """;

  private Preamble() {}

  static String of(RuleTable table, RuleTable.Stage stage) {
    String type = table.type;
    boolean inits = table.command.matches("(ES_)?INIT2?");
    StringBuilder s = new StringBuilder();
    s.append("host_config({backend=\"sev-snp\"}) = 0\n");
    s.append("openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3\n");
    s.append("ioctl(3, KVM_CREATE_VM, KVM_X86_").append(type).append("_VM) = 4\n");
    if (type.equals("MIRROR")) {
      return MIRROR;
    }
    if (table.irqchip) {
      s.append("ioctl(4, KVM_CREATE_IRQCHIP) = 0\n");
    }
    if (stage.compareTo(RuleTable.Stage.CREATED) > 0) {
      s.append(type.equals("DEFAULT") ? op("INIT", "") : op("INIT2", table.init));
    }
    if (!inits || stage == RuleTable.Stage.CROWDED) {
      s.append("ioctl(4, KVM_CREATE_VCPU, 0) = 5\n");
    }
    s.append("mmap(NULL, 0x400000, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE,")
        .append(" -1, 0) = 0x7f0000000000\n");
    return (type.equals("SNP") ? snp(s, stage) : sev(s, type, stage)).toString();
  }

  private static String op(String command, String fields) {
    return "ioctl(4, KVM_MEMORY_ENCRYPT_OP, {id=KVM_SEV_" + command + fields + "}) = 0\n";
  }

  /** Private memory from 0 to 3 MiB, shared from there to 4 MiB, page 0 launched. */
  private static StringBuilder snp(StringBuilder s, RuleTable.Stage stage) {
    s.append("ioctl(4, KVM_CREATE_GUEST_MEMFD, {size=0x400000, flags=0}) = 6\n");
    s.append("ioctl(4, KVM_SET_USER_MEMORY_REGION2, {slot=0, flags=0x4, guest_phys_addr=0,")
        .append(" memory_size=0x400000, userspace_addr=0x7f0000000000, guest_memfd_offset=0,")
        .append(" guest_memfd=6}) = 0\n");
    s.append("ioctl(4, KVM_SET_MEMORY_ATTRIBUTES, {address=0x0, size=0x300000, attributes=0x8,")
        .append(" flags=0}) = 0\n");
    if (stage.compareTo(RuleTable.Stage.STARTED) >= 0) {
      s.append(op("SNP_LAUNCH_START", ", policy=0x30000"));
      s.append(
          op("SNP_LAUNCH_UPDATE", ", gfn_start=0x0, uaddr=0x7f0000000000, len=0x1000, type=1"));
    }
    if (stage.compareTo(RuleTable.Stage.RUNNING) >= 0) {
      s.append(op("SNP_LAUNCH_FINISH", ""));
    }
    if (stage.compareTo(RuleTable.Stage.REGISTERED) >= 0) {
      s.append("guest_vmgexit(5, {ghcb=0x301012}) = 0 (KVM_EXIT_HLT, ghcb_msr=0x301013)\n");
    }
    if (stage == RuleTable.Stage.HEARD) {
      s.append("ioctl(4, KVM_ENABLE_CAP, {cap=KVM_CAP_EXIT_HYPERCALL, args[0]=0x1000}) = 0\n");
    }
    return s;
  }

  private static StringBuilder sev(StringBuilder s, String type, RuleTable.Stage stage) {
    s.append("ioctl(4, KVM_SET_USER_MEMORY_REGION, {slot=0, flags=0, guest_phys_addr=0,")
        .append(" memory_size=0x400000, userspace_addr=0x7f0000000000}) = 0\n");
    if (stage.compareTo(RuleTable.Stage.STARTED) >= 0) {
      s.append(op("LAUNCH_START", type.equals("SEV") ? ", policy=0" : ", policy=4"));
      s.append(op("LAUNCH_UPDATE_DATA", ", uaddr=0x7f0000000000, len=0x1000"));
    }
    if (stage.compareTo(RuleTable.Stage.MEASURED) >= 0) {
      s.append(type.equals("SEV") ? "" : op("LAUNCH_UPDATE_VMSA", ""));
      s.append(op("LAUNCH_MEASURE", ", uaddr=0x7f0000300000, len=48"));
    }
    if (stage == RuleTable.Stage.RUNNING) {
      s.append(op("LAUNCH_FINISH", ""));
    }
    return s;
  }
}
