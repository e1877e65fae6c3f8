package dev.cocovisor.script.generate;

import static dev.cocovisor.script.call.Calls.entry;
import static dev.cocovisor.script.call.Calls.fd;
import static dev.cocovisor.script.call.Calls.hex;
import static dev.cocovisor.script.call.Calls.ioctl;
import static dev.cocovisor.script.call.Calls.sym;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.PageStats;
import dev.cocovisor.script.call.CallDecoder;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.call.Calls;
import dev.cocovisor.script.call.LogDescriptors;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.call.Symbols;
import dev.cocovisor.script.call.Words;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import dev.cocovisor.vmm.HostMaker;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Makes random programs of the kind that was recorded, by running them on the model: every line it
 * hands out carries the model's answer, page counters included.
 *
 * <p>Where calls go is drawn by {@link DrawnPlaces}; about one argument in ten is wrong on purpose.
 */
public final class ProgramGenerator {
  private static final long CODE = 0x1000;

  private final Choices choose;
  private final Consumer<LogCall> out;
  private final Consumer<KvmProcess> afterEach;
  private final CallRunner runner;
  private final Words words;
  private final KvmProcess process;
  private final LogDescriptors fds = new LogDescriptors();
  private final DrawnPlaces places;
  private final MemfdCalls memfds;
  private final SlotCalls slots;
  private final MemoryCalls memory;
  private final ModeCalls modes;
  private long vm = -1;
  private long vcpu = -1;
  private PageStats printed = new PageStats(-1, -1, -1);

  private ProgramGenerator(
      Choices choose,
      HostConfig host,
      List<Backend> backends,
      HostMaker hosts,
      Consumer<LogCall> out,
      Consumer<KvmProcess> afterEach) {
    this.choose = choose;
    this.out = out;
    this.afterEach = afterEach;
    this.process = new KvmProcess(hosts.boot(host, backends, TraceSink.OFF));
    this.words = Words.of(backends);
    this.runner = new CallRunner(process, fds, words);
    this.places = new DrawnPlaces(choose);
    this.memfds = new MemfdCalls(choose, this::run, places);
    this.slots = new SlotCalls(choose, this::run, places, memfds);
    this.memory = new MemoryCalls(choose, this::run, places.mappings());
    this.modes = new ModeCalls(choose, this::run);
  }

  /**
   * Runs one random program on a host without backends.
   *
   * @param seed names the program
   * @param length about how many calls
   * @param out takes each call with its answer, in order
   * @param afterEach looks at the process after each call, for checks
   */
  public static void generate(
      long seed,
      HostConfig host,
      int length,
      Consumer<LogCall> out,
      Consumer<KvmProcess> afterEach) {
    generate(new Choices(seed), host, List.of(), length, out, afterEach);
  }

  /**
   * Runs one random program.
   *
   * @param backends the technologies the host has; VMs are of their types too
   */
  public static void generate(
      long seed,
      HostConfig host,
      List<Backend> backends,
      int length,
      Consumer<LogCall> out,
      Consumer<KvmProcess> afterEach) {
    generate(new Choices(seed), host, backends, length, out, afterEach);
  }

  /**
   * Runs one random program, perhaps a varied one, on a host that somebody else boots.
   *
   * @param backends the technologies the host has; VMs are of their types too
   * @return how many choices it made
   */
  public static int generate(
      ProgramSeed seed,
      HostConfig host,
      List<Backend> backends,
      HostMaker hosts,
      int length,
      Consumer<LogCall> out,
      Consumer<KvmProcess> afterEach) {
    var choices = new Choices(seed);
    generate(choices, host, backends, hosts, length, out, afterEach);
    return choices.count();
  }

  /** As {@link #generate(long, HostConfig, List, int, Consumer, Consumer)}, from any choices. */
  static void generate(
      Choices choices,
      HostConfig host,
      List<Backend> backends,
      int length,
      Consumer<LogCall> out,
      Consumer<KvmProcess> afterEach) {
    generate(choices, host, backends, Kvm::new, length, out, afterEach);
  }

  private static void generate(
      Choices choices,
      HostConfig host,
      List<Backend> backends,
      HostMaker hosts,
      int length,
      Consumer<LogCall> out,
      Consumer<KvmProcess> afterEach) {
    var g = new ProgramGenerator(choices, host, backends, hosts, out, afterEach);
    try {
      g.writeSetup(host, backends);
      g.open(backends);
      for (int i = 0; i < length && !choices.exhausted(); i++) {
        g.step();
      }
    } finally {
      g.process.kvm().close();
    }
  }

  private void writeSetup(HostConfig host, List<Backend> backends) {
    var special = new ArrayList<Value.Field>();
    if (!host.tdpMmu()) {
      special.add(entry("tdp_mmu", 0));
    }
    if (!backends.isEmpty()) {
      List<Value> ids =
          backends.stream().<Value>map(b -> new Value.Str(b.info().id(), false)).toList();
      special.add(Value.Field.of("backend", new Value.Items(ids)));
    }
    host.settings().forEach((name, value) -> special.add(Value.Field.of(name, setting(value))));
    if (!special.isEmpty()) {
      out.accept(
          LogCall.of("host_config", List.of(new Value.Struct(List.copyOf(special))))
              .withResult(LogResult.of(Value.Num.of(0))));
    }
  }

  private static Value setting(String value) {
    return value.matches("\\d{1,18}")
        ? Value.Num.of(Long.parseLong(value))
        : new Value.Str(value, false);
  }

  private void open(List<Backend> backends) {
    run(Calls.call("openat", sym("AT_FDCWD"), new Value.Str("/dev/kvm", false), sym("O_RDWR")));
    mapBank(DrawnPlaces.ANON, "MAP_NORESERVE");
    run(
        Calls.call(
            "madvise", hex(DrawnPlaces.ANON), hex(DrawnPlaces.BANK), sym("MADV_NOHUGEPAGE")));
    mapBank(DrawnPlaces.HUGE, "MAP_HUGETLB");
    String type =
        choose.percent(75) && process.kvm().config().tdpMmu()
            ? "KVM_X86_SW_PROTECTED_VM"
            : "KVM_X86_DEFAULT_VM";
    if (!backends.isEmpty()) {
      List<VmType> types = backends.stream().flatMap(b -> b.info().vmTypes().stream()).toList();
      type = types.get(choose.below(types.size())).name();
    }
    vm = made(run(ioctl(fd(3), "KVM_CREATE_VM", sym(type))));
    modes.beforeVcpus(vm);
    vcpu = made(run(ioctl(fd(vm), "KVM_CREATE_VCPU", fd(0))));
    modes.afterVcpus(vcpu);
    slots.region(vm, 0, 0, 0, 0x10000, DrawnPlaces.ANON, 0, -1);
    run(Calls.call("host_install_stub", hex(DrawnPlaces.ANON + CODE)));
  }

  private void mapBank(long at, String kind) {
    run(
        Calls.call(
                "mmap",
                sym("NULL"),
                hex(DrawnPlaces.BANK),
                Calls.flags("PROT_READ", "PROT_WRITE"),
                Calls.flags("MAP_PRIVATE", "MAP_ANONYMOUS", kind),
                fd(-1),
                fd(0))
            .withResult(LogResult.of(hex(at))));
  }

  private void step() {
    if (choose.percent(25)) {
      memory.step();
      return;
    }
    if (choose.percent(6)) {
      modes.step(vm, vcpu);
      return;
    }
    int kind = choose.below(100);
    if (kind < 14) {
      slots.step(vm);
    } else if (kind < 20) {
      memfds.create(vm);
    } else if (kind < 36) {
      attributes();
    } else if (kind < 51) {
      preFault();
    } else if (kind < 78) {
      access();
    } else if (kind < 84) {
      hostAccess();
    } else if (kind < 91) {
      memfds.fallocate();
    } else if (kind < 94) {
      madvise();
    } else if (kind < 96) {
      memfds.map();
    } else if (kind < 97) {
      hypercall();
    } else if (kind < 99) {
      memfds.fileCall();
    } else {
      setting();
    }
  }

  private void setting() {
    boolean manual = choose.percent(50);
    run(
        ioctl(
            fd(vm),
            "KVM_ENABLE_CAP",
            Calls.struct(
                Value.Field.of(
                    "cap",
                    sym(manual ? "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2" : "KVM_CAP_DISABLE_QUIRKS2")),
                entry(
                    "args[0]", manual ? choose.of(1, 3, 0, 2) : choose.of(0x80, 0x80, 1L << 40)))));
  }

  private void attributes() {
    run(
        ioctl(
            fd(vm),
            "KVM_SET_MEMORY_ATTRIBUTES",
            Calls.struct(
                entry("address", places.gpaPerhapsInAPage()),
                entry("size", places.lengthPerhapsWrong()),
                entry("attributes", choose.percent(3) ? choose.of(1, 4, 16) : choose.of(0, 8)),
                entry("flags", choose.percent(3) ? 1 : 0))));
  }

  private void preFault() {
    run(
        ioctl(
            fd(vcpu),
            "KVM_PRE_FAULT_MEMORY",
            Calls.struct(
                entry("gpa", places.gpaPerhapsInAPage()),
                entry("size", places.lengthPerhapsWrong()),
                entry("flags", choose.percent(3) ? 1 : 0))));
  }

  private void access() {
    long at = places.gpa() + choose.of(0, 1, 7, 0xfff, 0x1000);
    if (choose.percent(50)) {
      run(Calls.call("guest_read", fd(vcpu), Calls.struct(entry("code", CODE), entry("gpa", at))));
    } else {
      run(
          Calls.call(
              "guest_write",
              fd(vcpu),
              Calls.struct(
                  entry("code", CODE),
                  entry("gpa", at),
                  Value.Field.of("value", fd(choose.below(256))))));
    }
  }

  private void hostAccess() {
    long at = places.hostAddress();
    if (at == DrawnPlaces.ANON + CODE || choose.percent(50)) {
      run(Calls.call("host_read", hex(at)));
    } else {
      run(Calls.call("host_write", hex(at), fd(choose.below(256))));
    }
  }

  private void madvise() {
    long base =
        choose.of(DrawnPlaces.ANON, DrawnPlaces.HUGE) + 0x200000 + choose.below(8) * 0x200000L;
    run(Calls.call("madvise", hex(base), hex(0x200000), sym("MADV_DONTNEED")));
  }

  private void hypercall() {
    if (choose.percent(40)) {
      run(
          ioctl(
              fd(vm),
              "KVM_ENABLE_CAP",
              Calls.struct(
                  Value.Field.of("cap", sym("KVM_CAP_EXIT_HYPERCALL")),
                  entry("args[0]", choose.of(0x1000, 0x1000, 0, 0x2000)))));
    }
    Reply reply =
        run(
            Calls.call(
                "guest_hypercall",
                fd(vcpu),
                Calls.struct(
                    entry("code", CODE),
                    Value.Field.of("nr", sym("KVM_HC_MAP_GPA_RANGE")),
                    entry("gpa", places.gpa()),
                    entry("npages", choose.of(0, 1, 0x200, 0x201)),
                    entry("attributes", choose.of(0, 0x10, 0x11, 2, 3)))));
    LogResult.Exit exit = reply.result().exit();
    if (exit != null && exit.reason().equals("KVM_EXIT_HYPERCALL")) {
      Value answer = fd(choose.of(0, 0, 1, 4294967274L));
      run(Calls.call("guest_resume", fd(vcpu), Calls.struct(Value.Field.of("ret", answer))));
    }
  }

  /** Returns the name of what a call opened; -1 for none. */
  static long made(Reply reply) {
    Long name = reply.opened() ? Symbols.number(reply.result().value()) : null;
    return name == null ? -1 : name;
  }

  private Reply run(LogCall call) {
    Reply reply = runner.run(CallDecoder.decode("generated", call, words), call.result());
    out.accept(reply.answer(call));
    afterEach.accept(process);
    PageStats now = vcpu < 0 ? null : process.stats(fds.of(vm));
    if (now != null && process.kvm().config().tdpMmu() && !now.equals(printed)) {
      printed = now;
      out.accept(
          Calls.call("kvm_stats", fd(vm)).withResult(LogResult.of(CallRunner.statsValue(now))));
    }
    return reply;
  }
}
