package dev.cocovisor.script.call;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.VmType;
import dev.cocovisor.script.text.Value;
import java.util.HashMap;
import java.util.List;
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
  private static final long KVMIO = 0xae;
  private static final long NONE = 0;
  private static final long WRITE = 1;
  private static final long READ = 2;

  private static final Map<String, Long> NUMBERS = new HashMap<>();
  private static final Map<Long, String> IOCTLS = new HashMap<>();

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
    put(0x800, "MAP_DENYWRITE");
    put(0x1000, "MAP_EXECUTABLE");
    put(0x40, "MAP_32BIT");
    put(0, "F_DUPFD");
    put(1030, "F_DUPFD_CLOEXEC");
    put(1033, "F_ADD_SEALS");
    put(1034, "F_GET_SEALS");
    put(1, "F_SEAL_SEAL", "UFFD_USER_MODE_ONLY", "UFFDIO_REGISTER_MODE_MISSING");
    put(1, "UFFDIO_WRITEPROTECT_MODE_WP", "UFFDIO_COPY_MODE_DONTWAKE");
    put(2, "F_SEAL_SHRINK", "UFFDIO_REGISTER_MODE_WP", "UFFDIO_COPY_MODE_WP");
    put(4, "F_SEAL_GROW", "UFFDIO_REGISTER_MODE_MINOR");
    put(8, "F_SEAL_WRITE");
    put(16, "F_SEAL_FUTURE_WRITE", "MADV_DONTDUMP");
    put(32, "F_SEAL_EXEC");
    put(0xaa, "UFFD_API");
    put(17, "MADV_DODUMP");
    put(18, "MADV_WIPEONFORK");
    put(19, "MADV_KEEPONFORK");
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
    // The number of KVM_CAP_PRE_FAULT_MEMORY, in the series of 2024.
    put(236, "KVM_CAP_MAP_MEMORY");
    put(1, "KVM_DIRTY_GFN_F_DIRTY");
    put(2, "KVM_DIRTY_GFN_F_RESET");
    for (VmType t : VmType.UAPI) {
      NUMBERS.put(t.name(), t.number());
    }
    for (Capability c : Capability.values()) {
      NUMBERS.put(c.name(), (long) c.number());
    }
    ioctl(NONE, 0x01, 0, "KVM_CREATE_VM");
    ioctl(NONE, 0x03, 0, "KVM_CHECK_EXTENSION");
    ioctl(NONE, 0x41, 0, "KVM_CREATE_VCPU");
    ioctl(WRITE, 0x42, 16, "KVM_GET_DIRTY_LOG");
    ioctl(NONE, 0x44, 0, "KVM_SET_NR_MMU_PAGES");
    ioctl(NONE, 0x45, 0, "KVM_GET_NR_MMU_PAGES");
    ioctl(WRITE, 0x46, 32, "KVM_SET_USER_MEMORY_REGION");
    ioctl(WRITE, 0x49, 160, "KVM_SET_USER_MEMORY_REGION2");
    ioctl(NONE, 0x80, 0, "KVM_RUN");
    ioctl(NONE, 0xa3, 0, "KVM_GET_TSC_KHZ");
    ioctl(WRITE, 0xa3, 104, "KVM_ENABLE_CAP");
    ioctl(WRITE, 0xae, 32, "KVM_ARM_VCPU_INIT");
    ioctl(READ | WRITE, 0xba, 8, "KVM_MEMORY_ENCRYPT_OP");
    ioctl(READ, 0xbb, 16, "KVM_MEMORY_ENCRYPT_REG_REGION");
    ioctl(READ, 0xbc, 16, "KVM_MEMORY_ENCRYPT_UNREG_REGION");
    ioctl(READ | WRITE, 0xc0, 24, "KVM_CLEAR_DIRTY_LOG");
    ioctl(NONE, 0xc7, 0, "KVM_RESET_DIRTY_RINGS");
    ioctl(NONE, 0xce, 0, "KVM_GET_STATS_FD");
    ioctl(WRITE, 0xd2, 32, "KVM_SET_MEMORY_ATTRIBUTES");
    ioctl(READ | WRITE, 0xd2, 128, "KVM_SET_MEMORY_ATTRIBUTES2");
    ioctl(READ | WRITE, 0xd4, 64, "KVM_CREATE_GUEST_MEMFD");
    ioctl(READ | WRITE, 0xd5, 64, "KVM_PRE_FAULT_MEMORY");
    put(NONE, "_IOC_NONE");
    put(WRITE, "_IOC_WRITE");
    put(READ, "_IOC_READ");
    put(1, "MREMAP_MAYMOVE", "MFD_CLOEXEC");
    put(2, "MREMAP_FIXED", "MFD_ALLOW_SEALING");
    put(4, "MREMAP_DONTUNMAP", "MFD_HUGETLB");
    put(8, "MFD_NOEXEC_SEAL");
    put(16, "MFD_EXEC");
    // Of the fd-based series of 2022; their bits, 8 and 32, are MFD_NOEXEC_SEAL and F_SEAL_EXEC
    // today.
    put(1L << 32, "MFD_INACCESSIBLE", "F_SEAL_AUTO_ALLOCATE");
    put(4, "KVM_MEM_PRIVATE");
    put(10, "MADV_DONTFORK");
    put(11, "MADV_DOFORK");
    put(12, "MADV_MERGEABLE");
    put(13, "MADV_UNMERGEABLE");
    put(16, "MADV_DONTDUMP");
    put(17, "MADV_DODUMP");
    put(18, "MADV_WIPEONFORK");
    put(19, "MADV_KEEPONFORK");
    put(100, "MADV_HWPOISON");
    put(101, "MADV_SOFT_OFFLINE");
    put(102, "MADV_GUARD_INSTALL");
    put(103, "MADV_GUARD_REMOVE");
    put(20, "MADV_COLD");
    put(21, "MADV_PAGEOUT");
    put(22, "MADV_POPULATE_READ");
    put(23, "MADV_POPULATE_WRITE");
    put(24, "MADV_DONTNEED_LOCKED");
  }

  private Symbols() {}

  private static void put(long number, String... names) {
    for (String name : names) {
      NUMBERS.put(name, number);
    }
  }

  /** One number may be two ioctls: direction and size of the argument tell them apart. */
  private static void ioctl(long direction, int nr, int size, String name) {
    IOCTLS.put(number(direction, KVMIO, nr, size), name);
  }

  private static long number(long direction, long type, long nr, long size) {
    return direction << 30 | size << 16 | type << 8 | nr;
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
   * size)}; the number in hex where it has none, null if it is none of these.
   */
  public static @Nullable String ioctlName(Value request) {
    return switch (request) {
      case Value.Sym s -> s.name();
      case Value.Num n -> ioctlName(n.value() & 0xffffffffL);
      case Value.Macro m -> {
        boolean whole = m.name().equals("_IOC");
        List<Value> args = m.args();
        Long direction = whole ? argument(args, 0) : directionOf(m.name());
        Long type = argument(args, whole ? 1 : 0);
        Long nr = argument(args, whole ? 2 : 1);
        Long size = args.size() > (whole ? 3 : 2) ? argument(args, whole ? 3 : 2) : Long.valueOf(0);
        yield direction == null || type == null || nr == null || size == null
            ? null
            : ioctlName(number(direction, type, nr, size));
      }
      default -> null;
    };
  }

  /** Returns the number of an ioctl that has a name here, or null. */
  public static @Nullable Long ioctlNumber(String name) {
    for (Map.Entry<Long, String> e : IOCTLS.entrySet()) {
      if (e.getValue().equals(name)) {
        return e.getKey();
      }
    }
    return null;
  }

  private static String ioctlName(long number) {
    return IOCTLS.getOrDefault(number, "0x" + Long.toHexString(number));
  }

  private static @Nullable Long argument(List<Value> args, int i) {
    return i < args.size() ? number(args.get(i)) : null;
  }

  private static @Nullable Long directionOf(String macro) {
    return switch (macro) {
      case "_IO" -> NONE;
      case "_IOW" -> WRITE;
      case "_IOR" -> READ;
      case "_IOWR" -> READ | WRITE;
      default -> null;
    };
  }
}
