package dev.cocovisor.snp.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.ArrayList;
import java.util.List;

/** A host with SEV and a VMM on it; every step checks the invariants. */
final class Machine {
  static final long RAM = 16L << 20;
  static final int PRIVATE = 8;

  private boolean splitIrqchip;
  private Interposer interposer = Interposer.NONE;
  final Kvm kvm;
  final KvmProcess vmm;
  final int dev;

  /** Everything the host told of itself, where it was asked to. */
  final List<TraceEvent> events = new ArrayList<>();

  Machine(String... settings) {
    this(false, settings);
  }

  /** A host that keeps its trace. */
  static Machine listening(String... settings) {
    return new Machine(true, settings);
  }

  private Machine(boolean listening, String... settings) {
    HostConfig config = HostConfig.DEFAULT;
    for (int i = 0; i < settings.length; i += 2) {
      config = config.withSetting(settings[i], settings[i + 1]);
    }
    kvm =
        new Kvm(
            config,
            List.of(new SevBackend()),
            listening ? new Ears() : TraceSink.OFF,
            CoreParts.DEFAULT.withInterposer(
                (call, a0, a1, a2, a3) -> interposer.before(call, a0, a1, a2, a3)));
    vmm = new KvmProcess(kvm);
    dev = (int) vmm.openDevKvm();
  }

  private final class Ears implements TraceSink {
    @Override
    public boolean enabled() {
      return true;
    }

    @Override
    public void emit(TraceEvent event) {
      events.add(event);
    }
  }

  /** Returns the reasons of a status or errno that were told since, and forgets everything. */
  List<String> reasons(String status) {
    List<String> why =
        events.stream()
            .filter(e -> e.kind() == TraceEvent.Kind.REFUSAL && e.name().equals(status))
            .map(TraceEvent::result)
            .toList();
    events.clear();
    return why;
  }

  /** Makes {@code with} be asked before each command and instruction from here on. */
  void interpose(Interposer with) {
    interposer = with;
  }

  /** Makes {@code with} be asked before those that are there. */
  void alsoInterpose(Interposer with) {
    interposer = with.then(interposer);
  }

  SevPlatform platform() {
    return (SevPlatform) kvm.platforms().getFirst();
  }

  void check() {
    assertThat(kvm.violations()).isEmpty();
  }

  Guest guest(long type) {
    return new Guest(this, type);
  }

  /** Makes the local APICs of guests KVM's (KVM_CAP_SPLIT_IRQCHIP). */
  Machine withSplitIrqchip() {
    splitIrqchip = true;
    return this;
  }

  /** An SNP guest with 16 MiB of private memory at 0, launched up to but without FINISH. */
  Guest snp() {
    Guest g = new Guest(this, 4);
    assertThat(g.op("INIT2")).isZero();
    if (splitIrqchip) {
      assertThat(vmm.enableCap(g.vm, Capability.KVM_CAP_SPLIT_IRQCHIP.number(), 0, 24)).isZero();
    }
    g.vcpu();
    g.ram(0, RAM);
    assertThat(vmm.setMemoryAttributes(g.vm, 0, RAM, PRIVATE, 0)).isZero();
    assertThat(vmm.enableCap(g.vm, 201, 0, 1 << 12)).isZero();
    assertThat(g.op("SNP_LAUNCH_START", "policy", 0x30000)).isZero();
    check();
    return g;
  }

  /** The same, launched with its first page and running. */
  Guest running() {
    Guest g = snp();
    assertThat(g.update(0, 1, 1)).isZero();
    assertThat(g.op("SNP_LAUNCH_FINISH")).isZero();
    return g;
  }

  /** One VM with what it has. */
  static final class Guest {
    final Machine m;
    final int vm;
    int vcpu;
    int memfd;
    long user;
    Fields out = new Fields();

    Guest(Machine m, long type) {
      this.m = m;
      this.vm = (int) m.vmm.createVm(m.dev, type);
      assertThat(vm).isPositive();
    }

    SevVm sev() {
      return (SevVm) ForwardingVmOps.unwrap(java.util.Objects.requireNonNull(m.vmm.vm(vm)).ops());
    }

    void vcpu() {
      vcpu = (int) m.vmm.createVcpu(vm, 0);
      assertThat(vcpu).isPositive();
    }

    void ram(long gpa, long size) {
      user = m.vmm.mmap(0, size, 3, 0x4022, -1, 0);
      memfd = (int) m.vmm.createGuestMemfd(vm, size, 0);
      assertThat(memfd).isPositive();
      assertThat(m.vmm.setUserMemoryRegion2(vm, 0, 4, gpa, size, user, 0, memfd)).isZero();
    }

    /** Closes what keeps the VM alive: its vCPU, itself, and the guest_memfd's file. */
    void close() {
      for (int fd : new int[] {vcpu, vm, memfd}) {
        if (fd > 0) {
          assertThat(m.vmm.close(fd)).isZero();
        }
      }
      m.check();
    }

    /** Issues KVM_MEMORY_ENCRYPT_OP with pairs of field and number. */
    long op(String name, Object... fields) {
      Fields in = new Fields();
      for (int i = 0; i < fields.length; i += 2) {
        in.put((String) fields[i], ((Number) fields[i + 1]).longValue());
      }
      VendorCommand c = new VendorCommand("KVM_SEV_" + name, in);
      long r = m.vmm.memoryEncryptOp(vm, c);
      out = c.out();
      m.check();
      return r;
    }

    long update(long gfn, long pages, int type) {
      return op(
          "SNP_LAUNCH_UPDATE",
          "gfn_start",
          gfn,
          "uaddr",
          user + (gfn << 12),
          "len",
          pages << 12,
          "type",
          type);
    }

    RunResult run(GuestAction a) {
      RunResult r = m.vmm.guestRun(vcpu, a);
      m.check();
      return r;
    }

    /** Runs an action of the vendor's and returns its result as text. */
    String act(GuestAction a) {
      RunResult r = run(a);
      String errno = r.errno().ok() ? "" : r.errno() + " ";
      return errno
          + switch (r.exit()) {
            case Exit.Vendor v -> v.name() + " " + v.fields();
            case Exit.Hypercall h ->
                "HYPERCALL "
                    + Long.toHexString(h.args()[0])
                    + " "
                    + h.args()[1]
                    + " "
                    + Long.toHexString(h.args()[2]);
            case Exit.MemoryFault f ->
                "MEMORY_FAULT " + f.flags() + " " + Long.toHexString(f.gpa());
            case Exit.Hlt h -> "HLT " + h.value();
            default -> r.exit().name();
          };
    }
  }
}
