package dev.cocovisor.script.call;

import static dev.cocovisor.script.call.Calls.call;
import static dev.cocovisor.script.call.Calls.entry;
import static dev.cocovisor.script.call.Calls.fd;
import static dev.cocovisor.script.call.Calls.hex;
import static dev.cocovisor.script.call.Calls.ioctl;
import static dev.cocovisor.script.call.Calls.sym;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Writes system calls as lines, so that {@link CallDecoder} reads the same calls from them. */
public final class CallEncoder {
  private static final String[] MAP_FLAGS = {
    "MAP_SHARED", "MAP_PRIVATE", "MAP_FIXED", "MAP_ANONYMOUS", "MAP_NORESERVE", "MAP_HUGETLB"
  };

  private CallEncoder() {}

  /** Returns the line that sets a host up, without a result. */
  public static LogCall hostConfig(HostConfig host, List<String> backends) {
    var fields = new ArrayList<Value.Field>();
    if (!host.tdpMmu()) {
      fields.add(entry("tdp_mmu", 0));
    }
    fields.add(entry("memory", host.memoryFrames() << PageLevel.PAGE_SHIFT));
    fields.add(Value.Field.of("arch", sym(host.architecture().name())));
    if (!backends.isEmpty()) {
      List<Value> names = new ArrayList<>();
      backends.forEach(b -> names.add(new Value.Str(b, false)));
      fields.add(Value.Field.of("backend", new Value.Items(names)));
    }
    host.settings().keySet().stream()
        .sorted()
        .forEach(k -> fields.add(Value.Field.of(k, setting(host.settings().get(k)))));
    return call("host_config", new Value.Struct(fields));
  }

  /**
   * Returns the line by which a log asks for a technology and settings, without a result; null
   * where nothing is asked for.
   */
  public static @Nullable LogCall hostWishes(
      @Nullable String technology, Map<String, String> settings) {
    var fields = new ArrayList<Value.Field>();
    if (technology != null) {
      fields.add(Value.Field.of("backend", new Value.Str(technology, false)));
    }
    settings.forEach((name, value) -> fields.add(Value.Field.of(name, setting(value))));
    return fields.isEmpty() ? null : call("host_config", new Value.Struct(List.copyOf(fields)));
  }

  private static Value setting(@Nullable String value) {
    String text = String.valueOf(value);
    return text.matches("[0-9]{1,18}")
        ? Value.Num.of(Long.parseLong(text))
        : new Value.Str(text, false);
  }

  public static LogCall openDevKvm() {
    return call("openat", sym("AT_FDCWD"), new Value.Str("/dev/kvm", false), sym("O_RDWR"));
  }

  public static LogCall mmap(long addr, long len, int prot, int flags, int file, long off) {
    return call(
        "mmap",
        addr == 0 ? sym("NULL") : hex(addr),
        hex(len),
        flags(prot, "PROT_READ", "PROT_WRITE", "PROT_EXEC"),
        flags(flags, MAP_FLAGS),
        fd(file),
        hex(off));
  }

  /** Names the bits that have names; what is left over is a number. */
  private static Value flags(long bits, String... names) {
    List<Value> parts = new ArrayList<>();
    long left = bits;
    for (String name : names) {
      Long bit = Symbols.number(sym(name));
      if (bit != null && (left & bit) == bit) {
        parts.add(sym(name));
        left &= ~bit;
      }
    }
    if (left != 0 || parts.isEmpty()) {
      parts.add(hex(left));
    }
    return parts.size() == 1 ? parts.getFirst() : new Value.Flags(parts);
  }

  public static LogCall range(String name, long addr, long len) {
    return call(name, hex(addr), hex(len));
  }

  public static LogCall madvise(long addr, long len, int advice) {
    Value named =
        switch (advice) {
          case 4 -> sym("MADV_DONTNEED");
          case 14 -> sym("MADV_HUGEPAGE");
          case 15 -> sym("MADV_NOHUGEPAGE");
          default -> fd(advice);
        };
    return call("madvise", hex(addr), hex(len), named);
  }

  /** A type without a name that every reader of logs knows is written as its number. */
  public static LogCall createVm(int dev, String type, long number) {
    Value named = sym(type);
    Long known = Symbols.number(named);
    return ioctl(fd(dev), "KVM_CREATE_VM", known != null && known == number ? named : hex(number));
  }

  public static LogCall createVcpu(int vm, long id) {
    return ioctl(fd(vm), "KVM_CREATE_VCPU", fd(id));
  }

  public static LogCall createGuestMemfd(int vm, long size, long flags) {
    return ioctl(
        fd(vm), "KVM_CREATE_GUEST_MEMFD", Calls.struct(entry("size", size), entry("flags", flags)));
  }

  public static LogCall setRegion(int vm, String request, Value.Field... more) {
    return ioctl(fd(vm), request, Calls.struct(more));
  }

  public static LogCall setAttributes(
      int vm, long address, long size, long attributes, long flags) {
    return ioctl(
        fd(vm),
        "KVM_SET_MEMORY_ATTRIBUTES",
        Calls.struct(
            entry("address", address),
            entry("size", size),
            Value.Field.of("attributes", flags(attributes, "KVM_MEMORY_ATTRIBUTE_PRIVATE")),
            entry("flags", flags)));
  }

  public static LogCall setAttributes2(
      int memfd, long offset, long size, long attributes, long flags) {
    return ioctl(
        fd(memfd),
        "KVM_SET_MEMORY_ATTRIBUTES2",
        Calls.struct(
            entry("offset", offset),
            entry("size", size),
            Value.Field.of("attributes", flags(attributes, "KVM_MEMORY_ATTRIBUTE_PRIVATE")),
            entry("flags", flags)));
  }

  public static LogCall vmsplice(long addr, long len) {
    var iovec =
        new Value.Struct(List.of(Value.Field.of("", hex(addr)), Value.Field.of("", hex(len))));
    return call("vmsplice", sym("pipe"), iovec, fd(1), sym("SPLICE_F_NONBLOCK"));
  }

  public static LogCall preFault(int vcpu, long gpa, long size, long flags) {
    return ioctl(
        fd(vcpu),
        "KVM_PRE_FAULT_MEMORY",
        Calls.struct(entry("gpa", gpa), entry("size", size), entry("flags", flags)));
  }

  public static LogCall enableCap(int vm, long cap, long flags, long arg0) {
    return ioctl(
        fd(vm),
        "KVM_ENABLE_CAP",
        Calls.struct(
            Value.Field.of("cap", Value.Num.of(cap)),
            entry("flags", flags),
            entry("args[0]", arg0)));
  }

  public static LogCall fallocate(int file, int mode, long off, long len) {
    return call(
        "fallocate",
        fd(file),
        flags(mode, "FALLOC_FL_KEEP_SIZE", "FALLOC_FL_PUNCH_HOLE"),
        hex(off),
        hex(len));
  }

  public static LogCall kernelRead(long addr, long len) {
    return call("write", sym("pipe"), hex(addr), hex(len));
  }

  public static LogCall memoryEncryptOp(int file, VendorCommand c) {
    if (c.name().equals(VendorCommand.NONE)) {
      return ioctl(fd(file), "KVM_MEMORY_ENCRYPT_OP", sym(VendorCommand.NONE));
    }
    var fields = new ArrayList<Value.Field>();
    fields.add(Value.Field.of("id", sym(c.name())));
    fields.addAll(FieldValues.toEntries(c.in()));
    return ioctl(fd(file), "KVM_MEMORY_ENCRYPT_OP", new Value.Struct(List.copyOf(fields)));
  }

  public static LogCall memoryEncryptRegion(int vm, boolean register, long addr, long size) {
    return ioctl(
        fd(vm),
        register ? "KVM_MEMORY_ENCRYPT_REG_REGION" : "KVM_MEMORY_ENCRYPT_UNREG_REGION",
        Calls.struct(entry("addr", addr), entry("size", size)));
  }

  public static LogCall vendorIoctl(int file, VendorCommand c) {
    return ioctl(fd(file), c.name(), struct(c.in()));
  }

  private static Value struct(Fields fields) {
    return new Value.Struct(FieldValues.toEntries(fields));
  }

  /** Returns what stands behind {@code guest_}. */
  public static String nameOf(GuestAction action) {
    return switch (action) {
      case GuestAction.Read _ -> "read";
      case GuestAction.Write _ -> "write";
      case GuestAction.Fetch _ -> "fetch";
      case GuestAction.Hypercall _ -> "hypercall";
      case GuestAction.Resume _ -> "resume";
      case GuestAction.Vendor v -> v.name();
      default -> throw new IllegalArgumentException("no line for " + action);
    };
  }

  public static LogCall guest(int vcpu, GuestAction action) {
    return call("guest_" + nameOf(action), fd(vcpu), new Value.Struct(operands(action)));
  }

  private static List<Value.Field> operands(GuestAction action) {
    var out = new ArrayList<Value.Field>();
    switch (action) {
      case GuestAction.Read a -> access(out, a.gpa(), a.code(), a.encrypted());
      case GuestAction.Write a -> {
        access(out, a.gpa(), a.code(), a.encrypted());
        out.add(entry("value", a.value()));
      }
      case GuestAction.Fetch a -> access(out, a.gpa(), GuestAction.NO_CODE, a.encrypted());
      case GuestAction.Hypercall a -> {
        code(out, a.code());
        out.add(entry("nr", a.nr()));
        String[] names = {"gpa", "npages", "attributes"};
        for (int i = 0; i < Math.min(names.length, a.args().length); i++) {
          out.add(entry(names[i], a.args()[i]));
        }
      }
      case GuestAction.Resume a -> out.add(Value.Field.of("ret", Value.Num.of(a.ret())));
      case GuestAction.Vendor a -> out.addAll(FieldValues.toEntries(a.fields()));
      default -> throw new IllegalArgumentException("no line for " + action);
    }
    return List.copyOf(out);
  }

  private static void access(List<Value.Field> out, long gpa, long code, boolean encrypted) {
    code(out, code);
    out.add(entry("gpa", gpa));
    if (!encrypted) {
      out.add(entry("encrypted", 0));
    }
  }

  private static void code(List<Value.Field> out, long code) {
    if (code != GuestAction.NO_CODE) {
      out.add(entry("code", code));
    }
  }
}
