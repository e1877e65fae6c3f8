package dev.cocovisor.script.call;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.VmType;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The numbers behind the symbols of the calls that logs may hold.
 *
 * <p>Sources: {@code include/uapi/linux/kvm.h}, {@code falloc.h}, {@code asm-generic/mman.h},
 * {@code kvm_para.h}. A symbol that is not here is no error: vendors have their own, which travel
 * as text.
 */
public final class Symbols {
  private static final Map<String, Long> NUMBERS = new HashMap<>();
  private static final Map<Integer, String> IOCTLS = new HashMap<>();

  static {
    NUMBERS.put("NULL", 0L);
    NUMBERS.put("AT_FDCWD", -100L);
    put(0, "PROT_NONE", "MAP_FILE", "KVM_HC_UNUSED");
    put(1, "PROT_READ", "MAP_SHARED", "FALLOC_FL_KEEP_SIZE", "KVM_MEM_LOG_DIRTY_PAGES");
    put(2, "PROT_WRITE", "MAP_PRIVATE", "FALLOC_FL_PUNCH_HOLE", "KVM_MEM_READONLY");
    put(3, "MAP_SHARED_VALIDATE");
    put(4, "PROT_EXEC", "KVM_MEM_GUEST_MEMFD", "MADV_DONTNEED", "FALLOC_FL_NO_HIDE_STALE");
    put(8, "KVM_MEMORY_ATTRIBUTE_PRIVATE", "KVM_MEMORY_EXIT_FLAG_PRIVATE");
    put(8, "FALLOC_FL_COLLAPSE_RANGE");
    put(0x10, "MAP_FIXED", "FALLOC_FL_ZERO_RANGE", "KVM_MAP_GPA_RANGE_ENCRYPTED");
    put(0x20, "MAP_ANONYMOUS", "MAP_ANON", "FALLOC_FL_INSERT_RANGE");
    put(0x40, "FALLOC_FL_UNSHARE_RANGE");
    put(0x100, "MAP_GROWSDOWN");
    put(0x2000, "MAP_LOCKED");
    put(0x4000, "MAP_NORESERVE");
    put(0x8000, "MAP_POPULATE");
    put(0x10000, "MAP_NONBLOCK");
    put(0x20000, "MAP_STACK");
    put(0x40000, "MAP_HUGETLB");
    put(0x80000, "MAP_SYNC");
    put(0x100000, "MAP_FIXED_NOREPLACE");
    put(26, "MAP_HUGE_SHIFT");
    put(21L << 26, "MAP_HUGE_2MB");
    put(30L << 26, "MAP_HUGE_1GB");
    put(1, "GUEST_MEMFD_FLAG_MMAP");
    put(2, "GUEST_MEMFD_FLAG_INIT_SHARED");
    put(0, "MADV_NORMAL", "KVM_MAP_GPA_RANGE_DECRYPTED", "KVM_MAP_GPA_RANGE_PAGE_SZ_4K");
    put(1, "KVM_MAP_GPA_RANGE_PAGE_SZ_2M", "MADV_RANDOM");
    put(2, "KVM_MAP_GPA_RANGE_PAGE_SZ_1G", "MADV_SEQUENTIAL");
    put(3, "MADV_WILLNEED");
    put(8, "MADV_FREE");
    put(9, "MADV_REMOVE");
    put(14, "MADV_HUGEPAGE");
    put(15, "MADV_NOHUGEPAGE");
    put(25, "MADV_COLLAPSE");
    put(12, "KVM_HC_MAP_GPA_RANGE");
    put(1, "KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE");
    put(2, "KVM_DIRTY_LOG_INITIALLY_SET");
    put(0x80, "KVM_X86_QUIRK_SLOT_ZAP_ALL");
    for (VmType t : VmType.UAPI) {
      NUMBERS.put(t.name(), t.number());
    }
    for (Capability c : Capability.values()) {
      NUMBERS.put(c.name(), (long) c.number());
    }
    ioctl(0x01, "KVM_CREATE_VM");
    ioctl(0x03, "KVM_CHECK_EXTENSION");
    ioctl(0x41, "KVM_CREATE_VCPU");
    ioctl(0x42, "KVM_GET_DIRTY_LOG");
    ioctl(0x44, "KVM_SET_NR_MMU_PAGES");
    ioctl(0x46, "KVM_SET_USER_MEMORY_REGION");
    ioctl(0x49, "KVM_SET_USER_MEMORY_REGION2");
    ioctl(0xa3, "KVM_ENABLE_CAP");
    ioctl(0xae, "KVM_ARM_VCPU_INIT");
    ioctl(0xba, "KVM_MEMORY_ENCRYPT_OP");
    ioctl(0xbb, "KVM_MEMORY_ENCRYPT_REG_REGION");
    ioctl(0xbc, "KVM_MEMORY_ENCRYPT_UNREG_REGION");
    ioctl(0xc0, "KVM_CLEAR_DIRTY_LOG");
    ioctl(0xd2, "KVM_SET_MEMORY_ATTRIBUTES");
    ioctl(0xd4, "KVM_CREATE_GUEST_MEMFD");
    ioctl(0xd5, "KVM_PRE_FAULT_MEMORY");
  }

  private Symbols() {}

  private static void put(long number, String... names) {
    for (String name : names) {
      NUMBERS.put(name, number);
    }
  }

  private static void ioctl(int nr, String name) {
    IOCTLS.put(0xae00 | nr, name);
  }

  /** Returns the number behind a symbol, or null if it is not one of the kernel's. */
  static @Nullable Long named(String name) {
    return NUMBERS.get(name);
  }

  /** Returns every symbol that has a number. */
  static Set<String> names() {
    return NUMBERS.keySet();
  }

  /** Returns a value's number, or null if it has none or holds an unknown symbol. */
  public static @Nullable Long number(Value v) {
    return switch (v) {
      case Value.Num n -> n.value();
      case Value.Sym s -> NUMBERS.get(s.name());
      case Value.Shift s -> {
        Long left = number(s.left());
        Long right = number(s.right());
        yield left == null || right == null ? null : left << right;
      }
      case Value.Flags f -> {
        long all = 0;
        for (Value part : f.parts()) {
          Long one = number(part);
          if (one == null) {
            yield null;
          }
          all |= one;
        }
        yield all;
      }
      default -> null;
    };
  }

  /**
   * Returns the name of an ioctl that is given by name, by number, or as {@code _IOC(dir, type, nr,
   * size)}; null if it is none of these.
   */
  public static @Nullable String ioctlName(Value request) {
    return switch (request) {
      case Value.Sym s -> s.name();
      // Only type and nr tell ioctls apart; direction and size are KVM's own business.
      case Value.Num n -> IOCTLS.getOrDefault((int) (n.value() & 0xffff), LogWriter.value(n));
      case Value.Macro m -> {
        int type = m.name().equals("_IOC") ? 1 : 0;
        Long base = type < m.args().size() ? number(m.args().get(type)) : null;
        Long nr = type + 1 < m.args().size() ? number(m.args().get(type + 1)) : null;
        yield base == null || nr == null ? null : IOCTLS.get((int) (base << 8 | nr));
      }
      default -> null;
    };
  }
}
