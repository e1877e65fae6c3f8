package dev.cocovisor.script.text;

import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Spells a line of a recording as strace, or somebody with another taste, would. */
public final class Respelling {
  private static final Pattern HEX = Pattern.compile("\\b0x[0-9a-f]+\\b");
  private static final Pattern DECIMAL = Pattern.compile("(?<![\\w.\\[-])\\d+\\b(?![\\w.\\]])");

  private static final Map<String, String> SYMBOLS =
      Map.ofEntries(
          Map.entry("PROT_READ|PROT_WRITE", "0x3"),
          Map.entry("MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB", "MAP_PRIVATE|0x20|MAP_HUGETLB"),
          Map.entry("MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE", "0x4022"),
          Map.entry("MAP_SHARED|MAP_FIXED_NOREPLACE", "MAP_FIXED_NOREPLACE|MAP_SHARED"),
          Map.entry("KVM_CREATE_GUEST_MEMFD", "_IOC(_IOC_READ|_IOC_WRITE, 0xae, 0xd4, 0x40)"),
          Map.entry("KVM_SET_USER_MEMORY_REGION2", "_IOC(_IOC_WRITE, 0xae, 0x49, 0xa0)"),
          Map.entry("KVM_SET_USER_MEMORY_REGION,", "0x4020ae46,"),
          Map.entry("KVM_SET_MEMORY_ATTRIBUTES", "0x4020aed2"),
          Map.entry("KVM_PRE_FAULT_MEMORY", "_IOC(_IOC_READ|_IOC_WRITE, 0xae, 0xd5, 0x40)"),
          Map.entry("KVM_CHECK_EXTENSION", "0xae03"),
          Map.entry("KVM_X86_SW_PROTECTED_VM", "0x1"),
          Map.entry("KVM_X86_DEFAULT_VM", "0"),
          Map.entry("KVM_CAP_EXIT_HYPERCALL", "201 /* KVM_CAP_EXIT_HYPERCALL */"),
          Map.entry("KVM_HC_MAP_GPA_RANGE", "12"),
          Map.entry("MADV_NOHUGEPAGE", "0xf /* MADV_NOHUGEPAGE */"),
          Map.entry("MADV_DONTNEED", "4"),
          Map.entry("NULL", "0"),
          Map.entry("fallocate(8, 0x3,", "fallocate(8, FALLOC_FL_PUNCH_HOLE|FALLOC_FL_KEEP_SIZE,"),
          Map.entry(", flags=0})", "})"),
          Map.entry("EINVAL", "EINVAL (Invalid argument)"),
          Map.entry("ENOENT", "ENOENT (No such file or directory)"),
          Map.entry("guest_memfd=-1})", "guest_memfd=0xffffffff})"),
          Map.entry(", guest_memfd_offset=0, guest_memfd=-1}", ", …}"),
          Map.entry(
              "(AT_FDCWD, \"/dev/kvm\", O_RDWR)",
              "(AT_FDCWD</tmp>, \"/dev/kvm\", O_RDWR|O_CLOEXEC)"));

  private Respelling() {}

  public static String of(String line, SplittableRandom random) {
    String s = line;
    for (Map.Entry<String, String> e : SYMBOLS.entrySet()) {
      if (random.nextInt(2) == 0) {
        s = s.replace(e.getKey(), e.getValue());
      }
    }
    s = numbers(s, random);
    if (random.nextInt(3) == 0) {
      s = s.replaceFirst("^(ioctl|fallocate|close)\\((\\w+)", "$1($2<anon_inode:kvm>");
    }
    if (random.nextInt(3) == 0) {
      s = s.replace(", ", ",  ").replace("{", "{ ");
    }
    return switch (random.nextInt(6)) {
      case 0 -> "[pid 4711] " + s;
      case 1 -> "4711  12:34:56.789012 " + s + " <0.000123>";
      case 2 -> s + "  # a remark";
      case 3 -> "\t" + s + " <0.000004>";
      default -> s;
    };
  }

  /** Hex becomes decimal and decimal hex, where both are the same to a reader. */
  private static String numbers(String line, SplittableRandom random) {
    // Results that are descriptors or bytes are numbers as any other.
    for (Pattern p : List.of(HEX, DECIMAL)) {
      Matcher m = p.matcher(line);
      var out = new StringBuilder();
      while (m.find()) {
        String text = m.group();
        long n =
            text.startsWith("0x")
                ? Long.parseUnsignedLong(text.substring(2), 16)
                : Long.parseUnsignedLong(text);
        String other =
            text.startsWith("0x") ? Long.toUnsignedString(n) : "0x" + Long.toHexString(n);
        m.appendReplacement(out, random.nextInt(3) == 0 ? other : text);
      }
      line = m.appendTail(out).toString();
    }
    return line;
  }
}
