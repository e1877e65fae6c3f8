package dev.cocovisor.cca.logs;

import dev.cocovisor.script.generate.CheckTable;
import dev.cocovisor.script.generate.CheckTable.Check;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The checks of a realm's calls. */
final class RealmCallTables {
  private static final String EINVAL = "-1 EINVAL";
  private static final String RMI = "The CCA KVM series (v12 on), arch/arm64/kvm/rmi.c, ";
  private static final String MAIN = "Linux 7.3, virt/kvm/kvm_main.c, ";
  private static final String BUFFER = "0x7f0000000000";

  private RealmCallTables() {}

  static List<CheckTable> all() {
    return List.of(populate(), attributes(), newSlot(), createVcpu(), configure(), createFile());
  }

  private static Check check(String what, String answer, String... pairs) {
    return new Check(what, answer, values(pairs));
  }

  private static Map<String, String> values(String... pairs) {
    Map<String, String> values = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      values.put(pairs[i], pairs[i + 1]);
    }
    return values;
  }

  private static String region(String fields) {
    return "ioctl(4, KVM_SET_USER_MEMORY_REGION2, {" + fields + "})";
  }

  /** A realm's VM with one slot of 4 MiB, all private, and a vCPU. */
  private static List<String> realm(Map<String, String> v) {
    List<String> p =
        new ArrayList<>(
            List.of(
                "host_config({backend=cca}) = 0",
                "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3",
                "ioctl(3, KVM_CREATE_VM, KVM_VM_TYPE_ARM_REALM) = 4",
                "ioctl(4, KVM_CREATE_GUEST_MEMFD, {size=0x400000, flags=0}) = 5",
                "mmap(NULL, 0x800000, PROT_READ|PROT_WRITE,"
                    + " MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0) = "
                    + BUFFER));
    p.add(
        region(
                "slot=0, flags=0x4, guest_phys_addr=0x80000000, memory_size=0x200000,"
                    + " userspace_addr="
                    + BUFFER
                    + ", guest_memfd_offset=0, guest_memfd=5")
            + " = 0");
    p.add(
        "ioctl(4, KVM_SET_MEMORY_ATTRIBUTES,"
            + " {address=0x80000000, size=0x400000, attributes=0x8, flags=0}) = 0");
    p.add("ioctl(4, KVM_CREATE_VCPU, 0) = 6");
    p.add("ioctl(6, KVM_ARM_VCPU_INIT, {target=5, features=0}) = 0");
    String state = v.getOrDefault("state", "none");
    if (state.equals("new")) {
      p.add(populating("0x80100000", "0x1000", BUFFER, "0", "0") + " = 0");
    }
    if (state.equals("active")) {
      p.add("guest_read(6, {gpa=0x80100000}) = 0 (DONE, value=0)");
    }
    return p;
  }

  private static String populating(
      String base, String size, String source, String flags, String reserved) {
    return "ioctl(4, KVM_ARM_RMI_POPULATE, {base="
        + base
        + ", size="
        + size
        + ", source_uaddr="
        + source
        + ", flags="
        + flags
        + ", reserved="
        + reserved
        + "})";
  }

  private static CheckTable populate() {
    return new CheckTable(
        RMI
            + "kvm_arm_rmi_populate, realm_ensure_created, populate_region_cb; Linux 7.3,"
            + " virt/kvm/guest_memfd.c, kvm_gmem_populate, __kvm_gmem_get_pfn",
        values(
            "base",
            "0x80000000",
            "size",
            "0x1000",
            "source",
            BUFFER,
            "flags",
            "0",
            "reserved",
            "0"),
        "0",
        v -> {
          List<String> p = realm(v);
          if (v.containsKey("shared")) {
            p.add(
                "ioctl(4, KVM_SET_MEMORY_ATTRIBUTES,"
                    + " {address=0x80000000, size=0x400000, attributes=0, flags=0}) = 0");
          }
          p.add(
              populating(
                  v.get("base"),
                  v.get("size"),
                  v.get("source"),
                  v.get("flags"),
                  v.get("reserved")));
          return p;
        },
        List.of(
            check("the reserved field is set", EINVAL, "reserved", "1"),
            check("an unknown flag", EINVAL, "flags", "2"),
            check("the address is not a page", EINVAL, "base", "0x80000800"),
            check("the size is not pages", EINVAL, "size", "0x1800"),
            check("the source is not a page", EINVAL, "source", "0x7f0000000800"),
            check("there is no source", EINVAL, "source", "0"),
            check("the realm is active", "-1 EBUSY", "state", "active"),
            check("no slot is there", EINVAL, "base", "0x90000000"),
            check("the source is not mapped", "-1 EFAULT", "source", "0x600000000000"),
            check("the page is shared", EINVAL, "shared", "yes")));
  }

  private static CheckTable attributes() {
    return new CheckTable(
        MAIN + "kvm_vm_ioctl_set_mem_attributes, of a realm",
        values("address", "0x80000000", "size", "0x1000", "attributes", "0", "flags", "0"),
        "0",
        v -> {
          List<String> p = realm(v);
          p.add(
              "ioctl(4, KVM_SET_MEMORY_ATTRIBUTES, {address="
                  + v.get("address")
                  + ", size="
                  + v.get("size")
                  + ", attributes="
                  + v.get("attributes")
                  + ", flags="
                  + v.get("flags")
                  + "})");
          return p;
        },
        List.of(
            check("flags are set", EINVAL, "flags", "1"),
            check("an attribute that no VM has", EINVAL, "attributes", "0x1"),
            check("the size is nothing", EINVAL, "size", "0"),
            check("the address wraps", EINVAL, "address", "0xfffffffffffff000", "size", "0x2000"),
            check("the address is not a page", EINVAL, "address", "0x80000800"),
            check("the size is not pages", EINVAL, "size", "0x1800")));
  }

  private static CheckTable newSlot() {
    return new CheckTable(
        MAIN
            + "kvm_set_memory_region; virt/kvm/guest_memfd.c, kvm_gmem_prepare_memory_region;"
            + " arch/arm64/kvm/mmu.c, kvm_arch_prepare_memory_region, of a realm",
        values(
            "slot",
            "1",
            "flags",
            "0x4",
            "gpa",
            "0x90000000",
            "size",
            "0x200000",
            "uaddr",
            "0x7f0000200000",
            "offset",
            "0x200000",
            "fd",
            "5"),
        "0",
        v -> {
          List<String> p = realm(v);
          p.add(
              region(
                  "slot="
                      + v.get("slot")
                      + ", flags="
                      + v.get("flags")
                      + ", guest_phys_addr="
                      + v.get("gpa")
                      + ", memory_size="
                      + v.get("size")
                      + ", userspace_addr="
                      + v.get("uaddr")
                      + ", guest_memfd_offset="
                      + v.get("offset")
                      + ", guest_memfd="
                      + v.get("fd")));
          return p;
        },
        List.of(
            check("read-only", EINVAL, "flags", "0x6"),
            check("dirty logging", EINVAL, "flags", "0x5"),
            check("an unknown flag", EINVAL, "flags", "0xc"),
            check("the size is not pages", EINVAL, "size", "0x1800"),
            check("the address is not a page", EINVAL, "gpa", "0x90000800"),
            check("the user address is not a page", EINVAL, "uaddr", "0x7f0000200800"),
            check("the user address is the kernel's", EINVAL, "uaddr", "0xffff000000000000"),
            check("the offset is not a page", EINVAL, "offset", "0x200800"),
            check("the offset wraps", EINVAL, "offset", "0xfffffffffffff000"),
            check("an address space that arm64 has not", EINVAL, "slot", "0x10001"),
            check("a slot number past all", EINVAL, "slot", "0x7fff"),
            check("the address wraps", EINVAL, "gpa", "0xfffffffffffff000"),
            check("it is a slot already", EINVAL, "slot", "0"),
            check("it overlaps another slot", "-1 EEXIST", "gpa", "0x80100000"),
            check("no such file", "-1 EBADF", "fd", "77"),
            check("the file is /dev/kvm", EINVAL, "fd", "3"),
            check("it ends past the file", EINVAL, "offset", "0x300000"),
            check("it ends past the IPA space", "-1 EFAULT", "gpa", "0xffffe01000")));
  }

  private static CheckTable createVcpu() {
    return new CheckTable(
        MAIN
            + "kvm_vm_ioctl_create_vcpu; arch/arm64/kvm/arm.c, kvm_arch_vcpu_precreate; "
            + RMI
            + "kvm_activate_realm, which wants the GIC initialised",
        values("id", "1"),
        "7",
        v -> {
          List<String> p = realm(v);
          p.add("ioctl(4, KVM_CREATE_VCPU, " + v.get("id") + ")");
          return p;
        },
        List.of(
            check("a number past all", EINVAL, "id", "512"),
            check("the number is another's", "-1 EEXIST", "id", "0"),
            check("the realm is active", "-1 EBUSY", "state", "active")));
  }

  private static CheckTable configure() {
    return new CheckTable(
        RMI
            + "kvm_rmi_config_realm, config_realm_hash_algo (v10, whose algorithms this model keeps"
            + " as KVM_ARM_RMI_CONFIG)",
        values("hash", "1"),
        "0",
        v -> {
          List<String> p = realm(v);
          p.add("ioctl(4, KVM_ARM_RMI_CONFIG, {hash_algo=" + v.get("hash") + "})");
          return p;
        },
        List.of(
            check("the realm is there", "-1 EBUSY", "state", "new"),
            check("an unknown algorithm", EINVAL, "hash", "7")));
  }

  private static CheckTable createFile() {
    return new CheckTable(
        "Linux 7.3, virt/kvm/guest_memfd.c, kvm_gmem_create, of a realm",
        values("size", "0x400000", "flags", "0"),
        "7",
        v -> {
          List<String> p = realm(v);
          p.add(
              "ioctl(4, KVM_CREATE_GUEST_MEMFD, {size="
                  + v.get("size")
                  + ", flags="
                  + v.get("flags")
                  + "})");
          return p;
        },
        List.of(
            check("an unknown flag", EINVAL, "flags", "0x10"),
            check("the size is nothing", EINVAL, "size", "0"),
            check("the size is not pages", EINVAL, "size", "0x1800")));
  }
}
