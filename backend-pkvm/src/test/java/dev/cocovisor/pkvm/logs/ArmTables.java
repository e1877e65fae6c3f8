package dev.cocovisor.pkvm.logs;

import dev.cocovisor.script.generate.CheckTable;
import dev.cocovisor.script.generate.CheckTable.Check;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The checks of an arm64 VM's calls, protected and not. */
final class ArmTables {
  private static final String EINVAL = "-1 EINVAL";
  private static final String EPERM = "-1 EPERM";
  private static final String MAIN = "Linux 7.3, virt/kvm/kvm_main.c, ";
  private static final String ARM = "arch/arm64/kvm/arm.c, ";
  private static final String SLOTS =
      MAIN + "kvm_set_memory_region; arch/arm64/kvm/mmu.c, kvm_arch_prepare_memory_region";
  private static final String PROTECTED = "KVM_VM_TYPE_ARM_PROTECTED";

  private ArmTables() {}

  static List<CheckTable> all() {
    List<CheckTable> all = new ArrayList<>();
    for (String type : List.of(PROTECTED, "0")) {
      all.add(newSlot(type));
      all.add(movedSlot(type));
      all.add(deletedSlot(type));
      all.add(createVcpu(type));
      all.add(initVcpu(type));
    }
    all.add(slotOfFile());
    all.add(dirtyLog());
    all.add(clearDirtyLog());
    return all;
  }

  private static Check check(String what, String answer, String... pairs) {
    Map<String, String> values = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      values.put(pairs[i], pairs[i + 1]);
    }
    return new Check(what, answer, values);
  }

  private static Map<String, String> values(String... pairs) {
    return check("", "", pairs).values();
  }

  private static List<String> vm(String type) {
    return new ArrayList<>(
        List.of(
            "host_config({backend=pkvm}) = 0",
            "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3",
            "mmap(NULL, 0x2000000, PROT_READ|PROT_WRITE,"
                + " MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0) = 0x500000000000",
            "ioctl(3, KVM_CREATE_VM, " + type + ") = 5"));
  }

  private static String slot(
      String slot, String flags, String gpa, String size, String uaddr, String file) {
    String name = "KVM_SET_USER_MEMORY_REGION" + (file.isEmpty() ? "" : "2");
    return "ioctl(5, "
        + name
        + ", {slot="
        + slot
        + ", flags="
        + flags
        + ", guest_phys_addr="
        + gpa
        + ", memory_size="
        + size
        + ", userspace_addr="
        + uaddr
        + file
        + "})";
  }

  private static String slot(Map<String, String> v) {
    return slot(v.get("slot"), v.get("flags"), v.get("gpa"), v.get("size"), v.get("uaddr"), "");
  }

  /** A VM with two slots, a vCPU, and a first run where that is asked for. */
  private static List<String> withSlots(String type, Map<String, String> v) {
    List<String> p = vm(type);
    p.add(slot("0x1", "0", "0x90000000", "0x8000", "0x500000200000", "") + " = 0");
    p.add(slot("0x7", "0", "0xc0000000", "0x8000", "0x500000300000", "") + " = 0");
    p.add("ioctl(5, KVM_CREATE_VCPU, 0) = 6");
    p.add("ioctl(6, KVM_ARM_VCPU_INIT, PREFERRED) = 0");
    if (v.getOrDefault("ran", "no").equals("yes")) {
      p.add("guest_write(6, {gpa=0x90000000, value=4}) = 0 (DONE)");
    }
    p.add(slot(v));
    return p;
  }

  private static List<Check> arguments() {
    return List.of(
        check("an unknown flag", EINVAL, "flags", "0x8"),
        check("the size is not pages", EINVAL, "size", "0x1800"),
        check("the address is not a page", EINVAL, "gpa", "0xa0000800"),
        check("the user address is not a page", EINVAL, "uaddr", "0x500000400800"),
        check("the user address is the kernel's", EINVAL, "uaddr", "0xffff000000000000"),
        check("an address space that arm64 has not", EINVAL, "slot", "0x10002"),
        check("a slot number past all", EINVAL, "slot", "0x7fff"));
  }

  private static List<Check> arm(String type) {
    List<Check> checks = new ArrayList<>();
    if (type.equals(PROTECTED)) {
      checks.add(check("dirty logging", EPERM, "flags", "0x1"));
    }
    return checks;
  }

  private static CheckTable newSlot(String type) {
    List<Check> checks = new ArrayList<>(arguments());
    checks.add(check("the address wraps", EINVAL, "gpa", "0xfffffffffffff000"));
    checks.add(check("more pages than a slot may have", EINVAL, "size", "0x80000000000"));
    checks.add(check("it overlaps another slot", "-1 EEXIST", "gpa", "0x90001000"));
    checks.addAll(arm(type));
    if (type.equals(PROTECTED)) {
      checks.add(check("it is read-only", EPERM, "flags", "0x2"));
    }
    checks.add(check("it ends past the IPA space", "-1 EFAULT", "gpa", "0xffffffff000"));
    return new CheckTable(
        SLOTS + ": KVM_MR_CREATE, type " + type,
        values(
            "slot",
            "0x2",
            "flags",
            "0",
            "gpa",
            "0xa0000000",
            "size",
            "0x4000",
            "uaddr",
            "0x500000400000",
            "ran",
            "yes"),
        "0",
        v -> withSlots(type, v),
        checks);
  }

  private static CheckTable movedSlot(String type) {
    List<Check> checks = new ArrayList<>(arguments());
    checks.add(check("the address wraps", EINVAL, "gpa", "0xfffffffffffff000"));
    checks.add(check("another user address", EINVAL, "uaddr", "0x500000400000"));
    checks.add(check("another size", EINVAL, "size", "0x4000"));
    checks.add(check("it becomes read-only", EINVAL, "flags", "0x2"));
    checks.add(check("it overlaps another slot", "-1 EEXIST", "gpa", "0xc0001000"));
    if (type.equals(PROTECTED)) {
      checks.add(check("the guest has run", EPERM, "ran", "yes"));
    }
    checks.addAll(arm(type));
    checks.add(check("it ends past the IPA space", "-1 EFAULT", "gpa", "0xffffffff000"));
    return new CheckTable(
        SLOTS + ": KVM_MR_MOVE, type " + type,
        values(
            "slot",
            "0x1",
            "flags",
            "0",
            "gpa",
            "0xa0000000",
            "size",
            "0x8000",
            "uaddr",
            "0x500000200000"),
        "0",
        v -> withSlots(type, v),
        checks);
  }

  private static CheckTable deletedSlot(String type) {
    List<Check> checks = new ArrayList<>(arguments());
    checks.remove(1);
    checks.add(check("there is none", EINVAL, "slot", "0x2"));
    if (type.equals(PROTECTED)) {
      checks.add(check("the guest has run", EPERM, "ran", "yes"));
    }
    return new CheckTable(
        SLOTS + ": KVM_MR_DELETE, type " + type,
        values(
            "slot",
            "0x1",
            "flags",
            "0",
            "gpa",
            "0x90000000",
            "size",
            "0",
            "uaddr",
            "0x500000200000"),
        "0",
        v -> withSlots(type, v),
        checks);
  }

  private static CheckTable createVcpu(String type) {
    return new CheckTable(
        MAIN + "kvm_vm_ioctl_create_vcpu; " + ARM + "kvm_arch_vcpu_precreate, type " + type,
        values("id", "1"),
        "7",
        v -> {
          List<String> p = vm(type);
          p.add("ioctl(5, KVM_CREATE_VCPU, 0) = 6");
          p.add("ioctl(5, KVM_CREATE_VCPU, " + v.get("id") + ")");
          return p;
        },
        List.of(
            check("a number past all", EINVAL, "id", "512"),
            check("the number is another's", "-1 EEXIST", "id", "0")));
  }

  private static CheckTable initVcpu(String type) {
    return new CheckTable(
        ARM
            + "kvm_arch_vcpu_ioctl_vcpu_init, kvm_vcpu_set_target, kvm_vcpu_init_check_features,"
            + " type "
            + type,
        values("target", "5", "features", "0", "other", "0"),
        "0",
        v -> {
          List<String> p = vm(type);
          p.add("ioctl(5, KVM_CREATE_VCPU, 0) = 6");
          p.add("ioctl(5, KVM_CREATE_VCPU, 1) = 7");
          p.add("ioctl(7, KVM_ARM_VCPU_INIT, {target=5, features=" + v.get("other") + "}) = 0");
          p.add(
              "ioctl(6, KVM_ARM_VCPU_INIT, {target="
                  + v.get("target")
                  + ", features="
                  + v.get("features")
                  + "})");
          return p;
        },
        List.of(
            check("a CPU that this is not", EINVAL, "target", "1"),
            check("an unknown feature", "-1 ENOENT", "features", "0x1000"),
            check("SVE, which this CPU has not", EINVAL, "features", "0x10"),
            check("the other vCPU has PSCI 0.2", EINVAL, "other", "4")));
  }

  private static CheckTable slotOfFile() {
    return new CheckTable(
        SLOTS + "; virt/kvm/guest_memfd.c, kvm_gmem_prepare_memory_region",
        values(
            "slot",
            "0x2",
            "flags",
            "0x4",
            "gpa",
            "0xa0000000",
            "size",
            "0x4000",
            "uaddr",
            "0x500001000000",
            "fd",
            "9",
            "offset",
            "0",
            "file",
            "3"),
        "0",
        v -> {
          List<String> p = vm("0");
          p.add(slot("0x1", "0", "0x90000000", "0x8000", "0x500000200000", "") + " = 0");
          p.add("ioctl(5, KVM_CREATE_GUEST_MEMFD, {size=0x10000, flags=3}) = 8");
          p.add(
              "ioctl(5, KVM_CREATE_GUEST_MEMFD, {size=0x10000, flags=" + v.get("file") + "}) = 9");
          p.add(
              slot(
                  v.get("slot"),
                  v.get("flags"),
                  v.get("gpa"),
                  v.get("size"),
                  v.get("uaddr"),
                  ", guest_memfd_offset=" + v.get("offset") + ", guest_memfd=" + v.get("fd")));
          return p;
        },
        List.of(
            check("read-only", EINVAL, "flags", "0x6"),
            check("dirty logging", EINVAL, "flags", "0x5"),
            check("the size is not pages", EINVAL, "size", "0x1800"),
            check("the address is not a page", EINVAL, "gpa", "0xa0000800"),
            check("the user address is not a page", EINVAL, "uaddr", "0x500001000800"),
            check("the offset is not a page", EINVAL, "offset", "0x800"),
            check("the offset wraps", EINVAL, "offset", "0xfffffffffffff000"),
            check("a slot number past all", EINVAL, "slot", "0x7fff"),
            check("it is a slot already", EINVAL, "slot", "0x1"),
            check("it overlaps another slot", "-1 EEXIST", "gpa", "0x90001000"),
            check("no such file", "-1 EBADF", "fd", "77"),
            check("the file is /dev/kvm", EINVAL, "fd", "3"),
            check("it ends past the file", EINVAL, "offset", "0xd000"),
            check("it ends past the IPA space", "-1 EFAULT", "gpa", "0xffffffff000"),
            check("the file cannot be mapped", EINVAL, "file", "0")));
  }

  private static List<String> logged(String flags) {
    List<String> p = vm("0");
    p.add(slot("0x1", flags, "0x90000000", "0x80000", "0x500000200000", "") + " = 0");
    return p;
  }

  private static CheckTable dirtyLog() {
    return new CheckTable(
        MAIN + "kvm_get_dirty_log_protect",
        values("slot", "0x1", "logged", "0x1"),
        "0",
        v -> {
          List<String> p = logged(v.get("logged"));
          p.add("ioctl(5, KVM_GET_DIRTY_LOG, {slot=" + v.get("slot") + "})");
          return p;
        },
        List.of(
            check("an address space that arm64 has not", EINVAL, "slot", "0x10001"),
            check("a slot number past all", EINVAL, "slot", "0x7fff"),
            check("no such slot", "-1 ENOENT", "slot", "0x2"),
            check("it logs nothing", "-1 ENOENT", "logged", "0")));
  }

  private static CheckTable clearDirtyLog() {
    return new CheckTable(
        MAIN + "kvm_clear_dirty_log_protect",
        values("slot", "0x1", "logged", "0x1", "first", "0", "pages", "64"),
        "0",
        v -> {
          List<String> p = logged(v.get("logged"));
          p.add(
              "ioctl(5, KVM_CLEAR_DIRTY_LOG, {slot="
                  + v.get("slot")
                  + ", first_page="
                  + v.get("first")
                  + ", num_pages="
                  + v.get("pages")
                  + ", dirty_bitmap=[0]})");
          return p;
        },
        List.of(
            check("an address space that arm64 has not", EINVAL, "slot", "0x10001"),
            check("a slot number past all", EINVAL, "slot", "0x7fff"),
            check("the first page is not a multiple of 64", EINVAL, "first", "32"),
            check("no such slot", "-1 ENOENT", "slot", "0x2"),
            check("it logs nothing", "-1 ENOENT", "logged", "0"),
            check("the first page is past it", EINVAL, "first", "192"),
            check("more pages than it has", EINVAL, "pages", "256"),
            check("the pages are not a multiple of 64", EINVAL, "pages", "32")));
  }
}
