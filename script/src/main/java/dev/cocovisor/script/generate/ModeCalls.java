package dev.cocovisor.script.generate;

import static dev.cocovisor.script.call.Calls.entry;
import static dev.cocovisor.script.call.Calls.fd;
import static dev.cocovisor.script.call.Calls.hex;
import static dev.cocovisor.script.call.Calls.ioctl;
import static dev.cocovisor.script.call.Calls.sym;

import dev.cocovisor.script.call.Calls;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.call.Symbols;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.Value;
import java.util.function.Function;

/**
 * Random calls about what a vCPU is in and what is counted of it: its ring of dirty pages, system
 * management mode, guests of its guest, statistics.
 */
final class ModeCalls {
  private static final long RING = 0x7fa000000000L;
  private static final long ENTRIES = 256;

  private final Choices choose;
  private final Function<LogCall, Reply> run;
  private boolean hasRing;
  private long taken;
  private long statistics = -1;

  ModeCalls(Choices choose, Function<LogCall, Reply> run) {
    this.choose = choose;
    this.run = run;
  }

  /** Before there are vCPUs: the VM may get rings. */
  void beforeVcpus(long vm) {
    if (choose.percent(20)) {
      long size = choose.percent(20) ? choose.of(0, 0x800, 0x3000, 1L << 63, 0x200000) : 0x1000;
      hasRing = !enable(vm, "KVM_CAP_DIRTY_LOG_RING", size).result().isError();
    }
  }

  /** There is a vCPU, whose ring can be mapped. */
  void afterVcpus(long vcpu) {
    if (hasRing) {
      make(
          Calls.call(
              "mmap",
              hex(RING),
              hex(ENTRIES * 16),
              Calls.flags("PROT_READ", "PROT_WRITE"),
              Calls.flags("MAP_SHARED", "MAP_FIXED_NOREPLACE"),
              fd(vcpu),
              hex(0x40000)));
    }
  }

  private Reply make(LogCall call) {
    return run.apply(call);
  }

  private Reply enable(long vm, String cap, long arg) {
    return make(
        ioctl(
            fd(vm),
            "KVM_ENABLE_CAP",
            Calls.struct(Value.Field.of("cap", sym(cap)), entry("args[0]", arg))));
  }

  /** Makes one call, or a few that belong together. */
  void step(long vm, long vcpu) {
    if (hasRing && choose.percent(60)) {
      ring(vm);
      return;
    }
    switch (choose.below(8)) {
      case 0, 1 -> smm(vcpu, 1, choose.percent(3) ? 1 : 0);
      case 2, 3 -> smm(vcpu, 0, 0);
      case 4 -> make(Calls.call("guest_rsm", fd(vcpu)));
      case 5 -> nested(vcpu);
      case 6 -> statistics(vm, vcpu);
      default -> smmSlot(vm);
    }
  }

  private void ring(long vm) {
    int kind = choose.below(10);
    if (kind < 5) {
      harvest();
    } else if (kind < 9) {
      make(ioctl(fd(vm), "KVM_RESET_DIRTY_RINGS", fd(0)));
    } else {
      // Userspace can write anything there.
      long at = RING + choose.below((int) ENTRIES * 16);
      make(Calls.call("host_write", hex(at), fd(choose.below(256))));
    }
  }

  private void harvest() {
    for (int i = choose.below(12); i >= 0; i--) {
      long at = RING + taken % ENTRIES * 16;
      Long flags = Symbols.number(make(Calls.call("host_read", hex(at))).result().value());
      if (flags == null || flags != 1) {
        return;
      }
      make(Calls.call("host_write", hex(at), fd(2)));
      taken++;
    }
  }

  private void smm(long vcpu, long smm, long pending) {
    Value smi = Calls.struct(entry("smm", smm), entry("pending", pending));
    make(
        ioctl(
            fd(vcpu),
            "KVM_SET_VCPU_EVENTS",
            Calls.struct(
                entry("flags", choose.percent(5) ? 0x48 : 8), Value.Field.of("smi", smi))));
  }

  private void nested(long vcpu) {
    make(ioctl(fd(vcpu), "KVM_SET_SREGS", Calls.struct(entry("efer", choose.of(0x1000, 0)))));
    make(
        ioctl(
            fd(vcpu),
            "KVM_SET_NESTED_STATE",
            Calls.struct(
                entry("flags", choose.of(1, 0, 0, 2, 0x100)),
                entry("format", choose.of(1, 1, 1, 0)),
                entry("size", choose.of(4224, 4224, 128, 0)))));
  }

  private void statistics(long vm, long vcpu) {
    if (statistics < 0) {
      Reply r = make(ioctl(fd(choose.percent(70) ? vm : vcpu), "KVM_GET_STATS_FD", fd(0)));
      Long name = r.opened() ? Symbols.number(r.result().value()) : null;
      statistics = name == null ? -1 : name;
      return;
    }
    long at = choose.of(0, 0x48, 0x488, 0x4c0, 0x10000, -1, 1L << 62);
    make(Calls.call("pread64", fd(statistics), fd(choose.of(8, 24, 1, 65536, -1)), hex(at)));
  }

  private void smmSlot(long vm) {
    long size = choose.of(0x10000, 0x200000, 0x400000, 0);
    make(
        ioctl(
            fd(vm),
            "KVM_SET_USER_MEMORY_REGION2",
            Calls.struct(
                entry("slot", choose.of(0x10001, 0x10002, 0x20001)),
                entry("flags", choose.of(0, 0, 0, 1, 2)),
                entry("guest_phys_addr", choose.of(0, 0x200000, 0x400000, 0x30000)),
                entry("memory_size", size),
                entry("userspace_addr", 0x7f1000000000L + choose.below(4) * 0x200000L),
                entry("guest_memfd_offset", 0),
                Value.Field.of("guest_memfd", fd(-1)))));
  }
}
