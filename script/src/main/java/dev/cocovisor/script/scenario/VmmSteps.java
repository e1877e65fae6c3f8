package dev.cocovisor.script.scenario;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.vmm.VmmBank;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.script.call.CallArgs;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Carries out the steps that every technology has, as its own VMM would.
 *
 * <p>A VM is named by the number that {@code vm_launch} returns, a place in its memory by the
 * offset {@code at} from where its RAM begins. What a guest does is {@link VmmGuestSteps}'. Guest
 * accesses print {@code OK} where the access completed, whatever the architecture calls that, and
 * the exit's own name otherwise.
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
          "vm_stats",
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
  private final VmmGuestSteps guest;
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
    this.guest = new VmmGuestSteps(process, driver);
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
      case "vm_read" -> guest.read(m, a);
      case "vm_write" -> guest.write(m, a);
      case "vm_accept" -> guest.accept(m, a);
      case "vm_convert" -> guest.convert(m, a);
      case "vm_punch" -> plain(driver.punch(m, gpa(a), a.field(1, "size")));
      case "vm_prefault" -> guest.prefault(m, a);
      case "vm_plug" -> plain(plug(m, gpa(a), a.field(1, "size"), huge(a)));
      case "vm_unplug" -> plain(unplug(m, a));
      case "vm_move" -> plain(move(m, a));
      case "vm_stats" ->
          Reply.of(
              LogResult.of(CallRunner.statsValue(Objects.requireNonNull(process.stats(m.vmFd())))));
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
    VmmBank bank = m.bankOf(gpa(a), 1);
    if (bank == null) {
      // The VMM took its mapping away with the memory.
      return plain(-Errno.EFAULT.number());
    }
    long user = bank.userAddressOf(gpa(a));
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

  private static boolean huge(CallArgs a) {
    return a.field(1, "huge", 0) != 0;
  }

  private static Reply plain(long ret) {
    return CallRunner.plain(ret);
  }

  private static Reply failed(long ret) {
    return CallRunner.plain(ret);
  }
}
