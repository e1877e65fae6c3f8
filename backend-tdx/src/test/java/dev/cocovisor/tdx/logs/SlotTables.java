package dev.cocovisor.tdx.logs;

import dev.cocovisor.tdx.logs.Program.State;
import java.util.List;

/** What KVM_SET_USER_MEMORY_REGION2 asks of a slot of a TD with a guest_memfd. */
final class SlotTables {
  private static final String EINVAL = "-1 EINVAL";
  private static final String SET = "ioctl(5, KVM_SET_USER_MEMORY_REGION2, ";

  private SlotTables() {}

  private static Rule field(String what, String name, String value, String answer) {
    return new Rule(what, name, answer, p -> p.field(name, value));
  }

  private static Program good() {
    Program p =
        new Program(State.VCPU_CREATED)
            .field("slot", "1")
            .field("flags", "KVM_MEM_GUEST_MEMFD")
            .field("guest_phys_addr", "0x10000000")
            .field("memory_size", "0x2000")
            .field("userspace_addr", "0x7f1001000000")
            .field("guest_memfd_offset", "0x4000")
            .field("guest_memfd", "9");
    p.before.add("ioctl(5, KVM_CREATE_GUEST_MEMFD, {size=0x10000, flags=0}) = 9");
    return p;
  }

  /** What another slot with the same pages of the file is. */
  private static void bind(Program p) {
    p.before.add(
        SET
            + "{slot=2, flags=KVM_MEM_GUEST_MEMFD, guest_phys_addr=0x20000000, memory_size=0x1000,"
            + " userspace_addr=0x7f1002000000, guest_memfd_offset=0x5000, guest_memfd=9}) = 0");
  }

  static RuleTable setRegion() {
    return new RuleTable(
        "Linux 7.3, virt/kvm/kvm_main.c, kvm_vm_ioctl_set_memory_region,"
            + " check_memory_region_flags, kvm_set_memory_region; guest_memfd.c,"
            + " kvm_gmem_prepare_memory_region",
        SlotTables::good,
        p -> "0",
        p -> SET + p.structure("") + ")",
        List.of(
            field("there is no such slot", "slot", "0x7fff", EINVAL),
            field("private pages do not log what is written", "flags", "5", EINVAL),
            field("private pages are not read-only", "flags", "6", EINVAL),
            field("memory_size is not aligned", "memory_size", "0x2800", EINVAL),
            field("guest_phys_addr is not aligned", "guest_phys_addr", "0x10000800", EINVAL),
            field("userspace_addr is not aligned", "userspace_addr", "0x7f1001000800", EINVAL),
            field("the offset is not aligned", "guest_memfd_offset", "0x4800", EINVAL),
            field("there is one address space", "slot", "0x10001", EINVAL),
            field("the slot leads around", "guest_phys_addr", "0xfffffffffffff000", EINVAL),
            field("the slot is there, which cannot change", "slot", "0", EINVAL),
            field("another slot is there", "guest_phys_addr", "0xfff000", "-1 EEXIST"),
            field("the file is not open", "guest_memfd", "77", "-1 EBADF"),
            field("the file is no guest_memfd", "guest_memfd", "3", EINVAL),
            field("the file ends before", "guest_memfd_offset", "0xf000", EINVAL),
            new Rule(
                "another slot has the file's pages",
                "guest_memfd guest_memfd_offset",
                "-1 EEXIST",
                SlotTables::bind)));
  }
}
