package dev.cocovisor.core.log;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.VmmBank;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.core.host.KvmProcess;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Carries out the steps that every technology has, as its own VMM would.
 *
 * <p>A VM is named by the number that {@code vm_launch} returns, a place in its memory by the
 * offset {@code at} from where its RAM begins. Guest accesses print {@code OK} where the access
 * completed, whatever the architecture calls that, and the exit's own name otherwise.
 */
final class VmmSteps {
  /** The names of the steps. */
  static final Set<String> NAMES =
      Set.of(
          "vm_launch",
          "vm_populate",
          "vm_finalize",
          "vm_read",
          "vm_write",
          "vm_accept",
          "vm_convert",
          "vm_punch",
          "vm_prefault",
          "vm_plug",
          "vm_unplug",
          "vm_move",
          "vm_reboot",
          "vm_teardown",
          "vm_close_memory",
          "host_peek",
          "host_poke");

  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
  private static final int MAP_HUGETLB = 0x40000;
  private static final int MADV_NOHUGEPAGE = 15;
  private static final int MEM_GUEST_MEMFD = 4;
  private static final long PAGE = 4096;

  private final KvmProcess process;
  private final VmmDriver driver;
  private final HostView view;
  private final List<Vm> vms = new ArrayList<>();
  private int devKvm = -1;

  /** A VM and what is needed to launch it again. */
  private static final class Vm {
    VmmMachine machine;
    final CallArgs launch;
    boolean gone;

    Vm(VmmMachine machine, CallArgs launch) {
      this.machine = machine;
      this.launch = launch;
    }
  }

  VmmSteps(KvmProcess process, VmmDriver driver) {
    this.process = process;
    this.driver = driver;
    this.view = new HostView(process.kvm());
  }

  /** Returns the descriptors of the VMs that live, by their numbers from 1; -1 for those gone. */
  List<Integer> vmFds() {
    return vms.stream().map(v -> v.gone ? -1 : v.machine.vmFd()).toList();
  }

  Reply run(String name, CallArgs a) {
    if (name.equals("vm_launch")) {
      return launch(a);
    }
    long number = a.number(0);
    if (number < 1 || number > vms.size()) {
      throw new IllegalArgumentException("VM " + number + " was never launched");
    }
    Vm vm = vms.get((int) number - 1);
    if (name.equals("host_peek") && a.textField(1, "via", "user").equals("direct-map")) {
      return view.peek((int) number, coreVm(vm), gpa(a));
    }
    if (vm.gone && !name.equals("vm_close_memory")) {
      return failed(-Errno.EBADF.number());
    }
    Reply reply = step(name, vm, a);
    if (a.last() > 0 && a.fields(1).has("at")) {
      view.note((int) number, coreVm(vm), gpa(a));
    }
    return reply;
  }

  private dev.cocovisor.core.vm.@Nullable Vm coreVm(Vm vm) {
    return vm.gone ? null : process.vm(vm.machine.vmFd());
  }

  private Reply step(String name, Vm vm, CallArgs a) {
    VmmMachine m = vm.machine;
    return switch (name) {
      case "vm_populate" -> plain(populate(m, a));
      case "vm_finalize" -> plain(driver.finalizeLaunch(m));
      case "vm_read" ->
          access(vm, a, new GuestAction.Read(address(m, a), GuestAction.NO_CODE, !shared(a)));
      case "vm_write" ->
          access(
              vm,
              a,
              new GuestAction.Write(
                  address(m, a),
                  (int) a.field(1, "value") & 0xff,
                  GuestAction.NO_CODE,
                  !shared(a)));
      case "vm_accept" -> accept(m, a);
      case "vm_convert" -> convert(m, a);
      case "vm_punch" -> plain(driver.punch(m, gpa(a), a.field(1, "size")));
      case "vm_prefault" -> prefault(m, a);
      case "vm_plug" -> plain(plug(m, gpa(a), a.field(1, "size"), huge(a)));
      case "vm_unplug" -> plain(unplug(m, a));
      case "vm_move" -> plain(move(m, a));
      case "vm_reboot" -> reboot(vm);
      case "vm_teardown" -> plain(teardown(vm, a.field(1, "keep_memory", 0) != 0));
      case "vm_close_memory" -> plain(closeMemory(m));
      case "host_peek" -> peek(m, a);
      default -> poke(m, a);
    };
  }

  private Reply launch(CallArgs a) {
    Object made = create(a);
    if (made instanceof Long error) {
      return failed(error);
    }
    vms.add(new Vm((VmmMachine) made, a));
    return Reply.of(LogResult.of(Value.Num.of(vms.size())));
  }

  /** Returns a VM ready to be populated, or the error of the call that failed. */
  private Object create(CallArgs a) {
    if (devKvm < 0) {
      long fd = process.openDevKvm();
      if (fd < 0) {
        return fd;
      }
      devKvm = (int) fd;
    }
    long vmFd = process.createVm(devKvm, driver.vmType());
    if (vmFd < 0) {
      return vmFd;
    }
    var m = new VmmMachine(process, (int) vmFd, a.fields(0));
    long ret = driver.vmCreated(m);
    long vcpus = a.field(0, "vcpus", 1);
    for (long id = 0; ret >= 0 && id < vcpus; id++) {
      ret = process.createVcpu(m.vmFd(), id);
      if (ret >= 0) {
        m.vcpuFds().add((int) ret);
      }
    }
    if (ret >= 0) {
      long from = a.field(0, "from", 0);
      ret =
          from == 0
              ? plug(m, driver.ramBase(), a.field(0, "memory"), a.field(0, "huge", 0) != 0)
              : plugMemoryOf(m, from);
    }
    if (ret >= 0) {
      ret = driver.ready(m);
    }
    if (ret < 0) {
      close(m, false);
      return ret;
    }
    return m;
  }

  private long plug(VmmMachine m, long gpa, long size, boolean huge) {
    int flags = MAP_PRIVATE_ANONYMOUS_NORESERVE | (huge ? MAP_HUGETLB : 0);
    long user = process.mmap(0, size, PROT_READ_WRITE, flags, -1, 0);
    if (user < 0) {
      return user;
    }
    if (!huge) {
      var _ = process.madvise(user, size, MADV_NOHUGEPAGE);
    }
    int slot = m.banks().stream().mapToInt(VmmBank::slot).max().orElse(-1) + 1;
    long memfd = -1;
    if (driver.guestMemfd()) {
      memfd = process.createGuestMemfd(m.vmFd(), size, 0);
      if (memfd < 0) {
        return memfd;
      }
    }
    var bank = new VmmBank(slot, gpa, size, user, (int) memfd);
    long ret = setSlot(m, bank, size);
    if (ret < 0) {
      return ret;
    }
    m.banks().add(bank);
    return driver.privateFromStart() ? driver.convert(m, gpa, size, true) : 0;
  }

  /** Gives a VM the very memory that another one has: its guest_memfd and its mapping. */
  private long plugMemoryOf(VmmMachine m, long number) {
    if (number < 1 || number > vms.size()) {
      throw new IllegalArgumentException("VM " + number + " was never launched");
    }
    VmmBank of = vms.get((int) number - 1).machine.banks().getFirst();
    var bank = new VmmBank(0, driver.ramBase(), of.size(), of.userAddress(), of.guestMemfd());
    long ret = setSlot(m, bank, of.size());
    if (ret < 0) {
      return ret;
    }
    m.banks().add(bank);
    return driver.privateFromStart() ? driver.convert(m, bank.gpa(), bank.size(), true) : 0;
  }

  private long setSlot(VmmMachine m, VmmBank b, long size) {
    return b.guestMemfd() < 0
        ? process.setUserMemoryRegion(m.vmFd(), b.slot(), 0, b.gpa(), size, b.userAddress())
        : process.setUserMemoryRegion2(
            m.vmFd(), b.slot(), MEM_GUEST_MEMFD, b.gpa(), size, b.userAddress(), 0, b.guestMemfd());
  }

  private long unplug(VmmMachine m, CallArgs a) {
    VmmBank bank = bank(m, a);
    long ret = setSlot(m, bank, 0);
    if (ret < 0) {
      return ret;
    }
    m.banks().remove(bank);
    if (bank.guestMemfd() >= 0) {
      ret = process.close(bank.guestMemfd());
    }
    var _ = process.munmap(bank.userAddress(), bank.size());
    return ret;
  }

  /** Moves a slot; KVM refuses to move one with guest_memfd, so that one is made anew. */
  private long move(VmmMachine m, CallArgs a) {
    VmmBank old = bank(m, a);
    var moved =
        new VmmBank(
            old.slot(),
            driver.ramBase() + a.field(1, "to"),
            old.size(),
            old.userAddress(),
            old.guestMemfd());
    long ret = old.guestMemfd() < 0 ? 0 : setSlot(m, old, 0);
    if (ret >= 0) {
      ret = setSlot(m, moved, moved.size());
    }
    if (ret >= 0) {
      m.banks().set(m.banks().indexOf(old), moved);
    }
    return ret;
  }

  private VmmBank bank(VmmMachine m, CallArgs a) {
    VmmBank bank = m.bankOf(gpa(a), 1);
    if (bank == null) {
      throw new IllegalArgumentException("no RAM at this place");
    }
    return bank;
  }

  private long populate(VmmMachine m, CallArgs a) {
    long size = a.field(1, "size");
    long source = process.mmap(0, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0);
    if (source < 0) {
      return source;
    }
    int value = (int) a.field(1, "value", 0) & 0xff;
    for (long at = 0; value != 0 && at < size; at += PAGE) {
      var _ = process.hostWrite(source + at, value);
    }
    long ret = driver.populate(m, gpa(a), size, source, a.field(1, "measured", 1) != 0);
    var _ = process.munmap(source, size);
    return ret;
  }

  private Reply access(Vm vm, CallArgs a, GuestAction action) {
    return ran(
        vm.machine.calls().guestRun(vcpu(vm.machine, a), action),
        action instanceof GuestAction.Read ? "read" : "write");
  }

  private Reply accept(VmmMachine m, CallArgs a) {
    PageLevel level =
        switch (a.textField(1, "level", "4K")) {
          case "4K" -> PageLevel.PG_4K;
          case "2M" -> PageLevel.PG_2M;
          case "1G" -> PageLevel.PG_1G;
          default -> throw new IllegalArgumentException("level is none of 4K, 2M, 1G");
        };
    return guestDoes(m, a, driver.accept(m, gpa(a), a.field(1, "size"), level));
  }

  private Reply convert(VmmMachine m, CallArgs a) {
    long gpa = gpa(a);
    long size = a.field(1, "size");
    boolean toPrivate = isPrivate(a.textField(1, "to", "private"));
    if (a.textField(1, "by", "guest").equals("host")) {
      return plain(driver.convert(m, gpa, size, toPrivate));
    }
    boolean converted = false;
    for (GuestAction action : driver.askConversion(m, gpa, size, toPrivate)) {
      RunResult run = process.guestRun(vcpu(m, a), action);
      if (leavesToHost(run.exit())) {
        long ret = driver.convert(m, gpa, size, toPrivate);
        converted = true;
        if (ret < 0) {
          return failed(ret);
        }
        if (run.exit() instanceof Exit.MemoryFault) {
          // Nobody waits for an answer: the guest finds its memory converted at its next entry.
          continue;
        }
        run = process.guestRun(vcpu(m, a), driver.resume(m, 0));
      }
      if (!completed(run)) {
        return ran(run, "write");
      }
    }
    if (!converted) {
      long ret = driver.convert(m, gpa, size, toPrivate);
      if (ret < 0) {
        return failed(ret);
      }
    }
    return toPrivate ? guestDoes(m, a, driver.accept(m, gpa, size, PageLevel.PG_4K)) : plain(0);
  }

  private Reply guestDoes(VmmMachine m, CallArgs a, List<GuestAction> actions) {
    for (GuestAction action : actions) {
      RunResult run = process.guestRun(vcpu(m, a), action);
      if (!completed(run)) {
        return ran(run, "write");
      }
      long status = status(run.exit());
      if (status != 0) {
        // The instruction completed and told the guest that it did not do what was asked.
        return Reply.of(
            LogResult.of(Value.Num.of(0))
                .with(
                    new LogResult.Exit(
                        "GUEST_STATUS", List.of(Value.Field.of("status", Value.Num.hex(status))))));
      }
    }
    return plain(0);
  }

  /** Returns what a completed instruction told the guest, 0 for success. */
  private static long status(Exit exit) {
    long value =
        switch (exit) {
          case Exit.Hlt e -> e.value();
          case Exit.Done e -> e.value();
          case Exit.Vendor e -> e.fields().number("status", e.fields().number("rax", 0));
          default -> 0;
        };
    return value == -1 ? 0 : value;
  }

  private static boolean leavesToHost(Exit exit) {
    return exit instanceof Exit.Hypercall
        || exit instanceof Exit.MemoryFault
        || (exit instanceof Exit.Vendor v && v.reason() > 0 && !halted(v));
  }

  private static boolean completed(RunResult run) {
    return run.errno().ok()
        && switch (run.exit()) {
          case Exit.Hlt _, Exit.Done _ -> true;
          case Exit.Vendor v -> halted(v);
          default -> false;
        };
  }

  /** Tells whether a vendor's end is a completed action that only carries more details. */
  private static boolean halted(Exit.Vendor v) {
    return v.reason() < 0 || v.name().equals("KVM_EXIT_HLT");
  }

  private Reply prefault(VmmMachine m, CallArgs a) {
    long[] range = {gpa(a), a.field(1, "size")};
    long ret = process.preFaultMemory(vcpu(m, a), 0, range);
    var written =
        new Value.Struct(
            List.of(
                Value.Field.of("at", Value.Num.hex(range[0] - driver.ramBase())),
                Value.Field.of("size", Value.Num.hex(range[1]))));
    return new Reply(plain(ret).result(), written, false);
  }

  private Reply reboot(Vm vm) {
    long ret = driver.reboot(vm.machine);
    if (ret != -Errno.EOPNOTSUPP.number()) {
      return plain(ret);
    }
    // A confidential guest's keys and measurement die with its VM: boot a new one.
    close(vm.machine, false);
    Object made = create(vm.launch);
    if (made instanceof Long error) {
      vm.gone = true;
      return failed(error);
    }
    vm.machine = (VmmMachine) made;
    return plain(0);
  }

  private long teardown(Vm vm, boolean keepMemory) {
    vm.gone = true;
    return close(vm.machine, keepMemory);
  }

  private long close(VmmMachine m, boolean keepMemory) {
    for (int vcpu : m.vcpuFds()) {
      var _ = process.close(vcpu);
    }
    long ret = process.close(m.vmFd());
    if (!keepMemory) {
      var _ = closeMemory(m);
    }
    return ret;
  }

  private long closeMemory(VmmMachine m) {
    long ret = 0;
    for (VmmBank b : m.banks()) {
      if (b.guestMemfd() >= 0) {
        ret = Math.min(ret, process.close(b.guestMemfd()));
      }
    }
    return ret;
  }

  private Reply peek(VmmMachine m, CallArgs a) {
    long user = bank(m, a).userAddressOf(gpa(a));
    long ret =
        a.textField(1, "via", "user").equals("kernel")
            ? process.kernelRead(user, 1)
            : process.hostRead(user);
    return CallRunner.touched(ret);
  }

  private Reply poke(VmmMachine m, CallArgs a) {
    return CallRunner.touched(
        process.hostWrite(bank(m, a).userAddressOf(gpa(a)), (int) a.field(1, "value") & 0xff));
  }

  private long gpa(CallArgs a) {
    return driver.ramBase() + a.field(1, "at");
  }

  private long address(VmmMachine m, CallArgs a) {
    return driver.guestAddress(m, gpa(a), shared(a));
  }

  private static boolean shared(CallArgs a) {
    return a.field(1, "shared", 0) != 0;
  }

  private static boolean huge(CallArgs a) {
    return a.field(1, "huge", 0) != 0;
  }

  private static boolean isPrivate(String to) {
    return switch (to) {
      case "private" -> true;
      case "shared" -> false;
      default -> throw new IllegalArgumentException("to is none of private, shared");
    };
  }

  private static int vcpu(VmmMachine m, CallArgs a) {
    long index = a.field(1, "vcpu", 0);
    if (index < 0 || index >= m.vcpuFds().size()) {
      throw new IllegalArgumentException("the VM has no vCPU " + index);
    }
    return m.vcpuFds().get((int) index);
  }

  private static Reply ran(RunResult run, String what) {
    LogResult result =
        run.errno().ok() ? LogResult.of(Value.Num.of(0)) : LogResult.failed(run.errno().name());
    LogResult.Exit exit = ExitValues.of(run.exit(), what);
    boolean done = run.exit() instanceof Exit.Hlt || run.exit() instanceof Exit.Done;
    return Reply.of(result.with(done ? new LogResult.Exit("OK", exit.fields()) : exit));
  }

  private static Reply plain(long ret) {
    return CallRunner.plain(ret);
  }

  private static Reply failed(long ret) {
    return CallRunner.plain(ret);
  }
}
