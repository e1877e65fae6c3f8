package dev.cocovisor.script.text;

import java.util.List;
import java.util.SplittableRandom;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** Spoils a program: lines go, come twice or change places; arguments become others. */
public final class Damage {
  private static final Pattern NUMBER = Pattern.compile("(?<![\\w.])-?(0x[0-9a-f]+|\\d+)(?!\\w)");
  private static final Pattern SYMBOL = Pattern.compile("\\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\\b");
  private static final Pattern FIELD =
      Pattern.compile("\\b[a-z_]+(\\[0\\])?=[^,{}]+, |, [a-z_]+=[^,{}]+");
  private static final String[] NUMBERS = {
    "0",
    "1",
    "-1",
    "2",
    "3",
    "5",
    "7",
    "8",
    "0x7ff",
    "0xfff",
    "0x1000",
    "0x1fffff",
    "0x200000",
    "4294967295",
    "0x100000000",
    "2147483648",
    "-2147483648",
    "0x7fffffffffffffff",
    "0x8000000000000000",
    "0xfffffffffffff000",
    "18446744073709551615"
  };
  private static final String[] SYMBOLS = {
    "KVM_CREATE_VM",
    "KVM_CREATE_VCPU",
    "KVM_CREATE_GUEST_MEMFD",
    "KVM_PRE_FAULT_MEMORY",
    "KVM_MAP_MEMORY",
    "KVM_SET_MEMORY_ATTRIBUTES",
    "KVM_SET_USER_MEMORY_REGION",
    "KVM_SET_USER_MEMORY_REGION2",
    "KVM_CHECK_EXTENSION",
    "KVM_ENABLE_CAP",
    "KVM_MEMORY_ENCRYPT_OP",
    "KVM_GET_DIRTY_LOG",
    "KVM_CLEAR_DIRTY_LOG",
    "KVM_NO_SUCH_IOCTL",
    "KVM_X86_SNP_VM",
    "KVM_CAP_NO_SUCH",
    "MAP_HUGETLB",
    "MAP_NO_SUCH",
    "MADV_DONTNEED",
    "PROT_NONE",
    "NULL"
  };

  private Damage() {}

  public static void one(List<String> program, SplittableRandom random) {
    int at = random.nextInt(program.size());
    String line = program.get(at);
    switch (random.nextInt(10)) {
      case 0 -> program.remove(at);
      case 1 -> program.add(random.nextInt(program.size()), line);
      case 2 -> {
        int other = random.nextInt(program.size());
        program.set(at, program.get(other));
        program.set(other, line);
      }
      case 3, 4, 5 ->
          program.set(
              at, replaceOne(line, NUMBER, NUMBERS[random.nextInt(NUMBERS.length)], random));
      case 6 ->
          program.set(
              at, replaceOne(line, SYMBOL, SYMBOLS[random.nextInt(SYMBOLS.length)], random));
      case 7 -> program.set(at, replaceOne(line, FIELD, "", random));
      case 8 -> program.set(at, swapArguments(line, random));
      default -> {
        String name = line.substring(0, Math.max(0, line.indexOf('(')));
        String other = program.get(random.nextInt(program.size()));
        program.set(at, name + other.substring(Math.max(0, other.indexOf('('))));
      }
    }
  }

  private static String replaceOne(
      String line, Pattern what, String with, SplittableRandom random) {
    List<MatchResult> all = what.matcher(line).results().toList();
    if (all.isEmpty()) {
      return line;
    }
    MatchResult m = all.get(random.nextInt(all.size()));
    return line.substring(0, m.start()) + with + line.substring(m.end());
  }

  private static String swapArguments(String line, SplittableRandom random) {
    LogLine parsed;
    try {
      parsed = LogReader.parse("log", 1, line);
    } catch (dev.cocovisor.api.log.LogSyntaxException _) {
      return line;
    }
    if (!(parsed instanceof LogCall c) || c.args().size() < 2) {
      return line;
    }
    var args = new java.util.ArrayList<>(c.args());
    java.util.Collections.swap(args, random.nextInt(args.size()), random.nextInt(args.size()));
    if (random.nextInt(4) == 0) {
      args.removeLast();
    }
    return LogWriter.line(c.withArgs(List.copyOf(args)));
  }
}
