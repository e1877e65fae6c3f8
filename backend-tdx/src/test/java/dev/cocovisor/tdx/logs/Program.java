package dev.cocovisor.tdx.logs;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One program under construction: what is set up, and the fields of the call that is asked about.
 */
final class Program {
  static final String USER = "0x7f1000000000";
  static final String VM = "5";
  static final String VCPU = "7";

  /** How far the TD is when the call comes. */
  enum State {
    CREATED,
    INITIALIZED,
    VCPU_CREATED,
    VCPU_INITIALIZED,
    FINALIZED
  }

  /** Before the vCPUs there are, where a VM has its local APICs in the kernel. */
  static final String SPLIT_IRQCHIP =
      "ioctl(5, KVM_ENABLE_CAP, {cap=KVM_CAP_SPLIT_IRQCHIP, args[0]=24}) = 0";

  final List<String> settings = new ArrayList<>();

  /** Lines right behind the one that makes the VM. */
  final List<String> early = new ArrayList<>();

  final List<String> before = new ArrayList<>();
  final Map<String, String> fields = new LinkedHashMap<>();
  State state;
  boolean exitsOnHypercall = true;
  boolean hasSlot = true;
  boolean slotHasFile = true;

  /** Whether the call comes with a structure; else NULL is in its place. */
  boolean hasStructure = true;

  Program(State state) {
    this.state = state;
  }

  /** The structure's fields are gone, because {@code data} points to no memory. */
  Program nowhere(List<String> content) {
    content.forEach(fields::remove);
    return field("data", "0x7e0000000000");
  }

  Program field(String name, String value) {
    fields.put(name, value);
    return this;
  }

  boolean reached(State s) {
    return state.compareTo(s) >= 0;
  }

  /** Returns the lines that bring the TD to where the call comes. */
  List<String> setUp() {
    List<String> out = new ArrayList<>();
    String more = settings.isEmpty() ? "" : ", " + String.join(", ", settings);
    out.add("host_config({backend=\"tdx\"" + more + "}) = 0");
    out.add("openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3");
    out.add(
        "mmap(NULL, 0x4000000, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1,"
            + " 0) = "
            + USER);
    out.add("madvise(" + USER + ", 0x4000000, MADV_NOHUGEPAGE) = 0");
    out.add("ioctl(3, KVM_CREATE_VM, KVM_X86_TDX_VM) = " + VM);
    out.addAll(early);
    if (exitsOnHypercall) {
      out.add("ioctl(5, KVM_ENABLE_CAP, {cap=KVM_CAP_EXIT_HYPERCALL, args[0]=0x1000}) = 0");
    }
    if (reached(State.INITIALIZED)) {
      out.add(initVm() + " = 0");
    }
    if (reached(State.VCPU_CREATED)) {
      out.add("ioctl(5, KVM_CREATE_VCPU, 0) = " + VCPU);
    }
    if (reached(State.VCPU_INITIALIZED)) {
      out.add("ioctl(7, KVM_MEMORY_ENCRYPT_OP, {id=KVM_TDX_INIT_VCPU, data=0}) = 0");
    }
    if (reached(State.VCPU_CREATED)) {
      slot(out);
    }
    if (reached(State.FINALIZED)) {
      out.add("ioctl(5, KVM_MEMORY_ENCRYPT_OP, {id=KVM_TDX_FINALIZE_VM}) = 0");
    }
    out.addAll(before);
    return out;
  }

  private void slot(List<String> out) {
    if (hasSlot && slotHasFile) {
      out.add("ioctl(5, KVM_CREATE_GUEST_MEMFD, {size=0x1000000, flags=0}) = 8");
      out.add(
          "ioctl(5, KVM_SET_USER_MEMORY_REGION2, {slot=0, flags=KVM_MEM_GUEST_MEMFD,"
              + " guest_phys_addr=0, memory_size=0x1000000, userspace_addr="
              + USER
              + ", guest_memfd_offset=0, guest_memfd=8}) = 0");
    } else if (hasSlot) {
      out.add(
          "ioctl(5, KVM_SET_USER_MEMORY_REGION, {slot=0, flags=0, guest_phys_addr=0,"
              + " memory_size=0x1000000, userspace_addr="
              + USER
              + "}) = 0");
    }
    out.add(
        "ioctl(5, KVM_SET_MEMORY_ATTRIBUTES, {address=0, size=0x1000000,"
            + " attributes=KVM_MEMORY_ATTRIBUTE_PRIVATE, flags=0}) = 0");
  }

  static String initVm() {
    return "ioctl(5, KVM_MEMORY_ENCRYPT_OP, {id=KVM_TDX_INIT_VM, attributes=0x10000000, xfam=0x3,"
        + " cpuid=[{function=0x80000008, eax=0x300000}]})";
  }

  /** Returns the fields as a structure, {@code first} in front, or NULL for none. */
  String structure(String first) {
    if (!hasStructure) {
      return "NULL";
    }
    List<String> parts = new ArrayList<>();
    if (!first.isEmpty()) {
      parts.add(first);
    }
    fields.forEach((name, value) -> parts.add(name + "=" + value));
    return "{" + String.join(", ", parts) + "}";
  }
}
