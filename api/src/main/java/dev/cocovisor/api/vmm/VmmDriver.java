package dev.cocovisor.api.vmm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.uapi.MemoryAttributes;
import java.util.List;
import java.util.Set;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * How the VMM of one technology carries out what every technology has.
 *
 * <p>A backend's own is {@link dev.cocovisor.api.Backend#vmm}. The defaults are a VMM without a
 * trusted half: KVM_X86_SW_PROTECTED_VM, where nothing is measured and nothing has to be accepted.
 * Steps return {@code >= 0} or {@code -errno}, as the last system call they made.
 *
 * <p>A launch calls, in order: {@link #vmType} (KVM_CREATE_VM), {@link #vmCreated}, the vCPUs
 * (KVM_CREATE_VCPU), the RAM (guest_memfd, memslot, attributes), {@link #ready}; then the scenario
 * populates and finalizes.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
@FunctionalInterface
public interface VmmDriver {
  /** Returns KVM_CREATE_VM's argument. */
  long vmType();

  /** Returns the guest-physical address where RAM begins. */
  default long ramBase() {
    return 0;
  }

  /**
   * Tells whether private memory comes from a guest_memfd, with the shared half in the VMM's own
   * mapping; otherwise all RAM is the VMM's mapping (SEV, pKVM).
   */
  default boolean guestMemfd() {
    return true;
  }

  /** Tells whether RAM is marked private by KVM_SET_MEMORY_ATTRIBUTES when it is plugged. */
  default boolean privateFromStart() {
    return guestMemfd();
  }

  /**
   * Returns the fields of {@link VmmMachine#policy} that it reads; a launch that names one that no
   * technology reads is refused.
   */
  default Set<String> launchFields() {
    return Set.of();
  }

  /** Called after KVM_CREATE_VM: KVM_TDX_INIT_VM, KVM_SEV_INIT2. */
  default long vmCreated(VmmMachine vm) {
    return 0;
  }

  /** Called when vCPUs and RAM are there: KVM_TDX_INIT_VCPU, LAUNCH_START, KVM_ARM_VCPU_INIT. */
  default long ready(VmmMachine vm) {
    return 0;
  }

  /**
   * Returns what the first vCPU does so that another one runs: PSCI CPU_ON where vCPUs wait for it;
   * empty where all of them run from the start.
   *
   * @param index the other vCPU's place in {@link VmmMachine#vcpuFds}, from 1
   */
  default List<GuestAction> startVcpu(VmmMachine vm, int index) {
    return List.of();
  }

  /**
   * Puts initial contents into private memory. The default writes them into the VMM's own mapping
   * where that is the guest's memory (no {@link #guestMemfd}), and faults the range in otherwise.
   *
   * @param gpa first byte, page-aligned
   * @param size bytes, whole pages
   * @param source the contents in the VMM's memory, page-aligned
   * @param measured whether the contents go into the launch measurement
   */
  default long populate(VmmMachine vm, long gpa, long size, long source, boolean measured) {
    VmmBank bank = vm.bankOf(gpa, size);
    if (!guestMemfd() && bank != null) {
      return vm.calls().hostCopy(bank.userAddressOf(gpa), source, size);
    }
    return vm.calls().preFaultMemory(vm.bootVcpu(), 0, new long[] {gpa, size});
  }

  /** Ends the launch: the guest may run from here on. */
  default long finalizeLaunch(VmmMachine vm) {
    return 0;
  }

  /**
   * Returns the address by which the guest reaches a page.
   *
   * @param shared by its shared alias, where the technology has one in the address
   */
  default long guestAddress(VmmMachine vm, long gpa, boolean shared) {
    return gpa;
  }

  /**
   * Returns what the guest does to take a private range into use; empty where nothing has to be
   * accepted.
   *
   * @param level the size of page the guest accepts at
   */
  default List<GuestAction> accept(VmmMachine vm, long gpa, long size, PageLevel level) {
    return List.of();
  }

  /**
   * Returns what the guest does before the host converts a range it asked to convert: it gives its
   * page up (PVALIDATE rescind) and asks (GHCB page state change, TDVMCALL MapGPA, HVC share). The
   * host's part follows by {@link #convert}, and {@link #accept} after a conversion to private.
   */
  default List<GuestAction> askConversion(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    return List.of();
  }

  /**
   * Says what the end of a run means to the guest. The default knows the exits every architecture
   * shares and no register: an exit of the vendor's own is {@link GuestAnswer.Stopped}.
   *
   * @param action what the guest did
   * @param result how the run ended
   */
  default GuestAnswer judge(GuestAction action, RunResult result) {
    Exit exit = result.exit();
    // A run that fails may leave the exit before it, a hypercall that was answered wrongly.
    if (exit instanceof Exit.MemoryFault
        || (exit instanceof Exit.Hypercall && result.errno().ok())) {
      return new GuestAnswer.AsksHost(exit);
    }
    if (!result.errno().ok()) {
      return new GuestAnswer.Stopped(result.errno(), exit);
    }
    return switch (exit) {
      case Exit.Hlt e -> new GuestAnswer.Done(Math.max(e.value(), 0));
      case Exit.Done e -> new GuestAnswer.Done(Math.max(e.value(), 0));
      default -> new GuestAnswer.Stopped(result.errno(), exit);
    };
  }

  /**
   * Returns calls of a running guest that are refused whatever its memory holds, because their
   * arguments cannot be. Whoever judges this technology makes them and wants each told as {@link
   * GuestAnswer.Refused} or {@link GuestAnswer.Stopped}; empty where guests have no calls of their
   * own.
   */
  default List<GuestAction> refusedCalls(VmmMachine vm) {
    return List.of();
  }

  /**
   * Returns how the guest goes on after the VMM converted what it asked for; null where nobody
   * waits for an answer and the guest finds its memory converted at its next entry.
   *
   * @param asked the exit that asked
   * @param ret what the VMM tells the guest: 0, or a positive errno
   */
  default @Nullable GuestAction resume(VmmMachine vm, Exit asked, long ret) {
    return asked instanceof Exit.MemoryFault ? null : new GuestAction.Resume(ret);
  }

  /** The host's part of a conversion: in place where the kernel has files keep the attributes. */
  default long convert(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    long attributes = toPrivate ? MemoryAttributes.PRIVATE : 0;
    return vm.convertsInPlace()
        ? vm.convertInPlace(gpa, size, attributes)
        : vm.calls().setMemoryAttributes(vm.vmFd(), gpa, size, attributes, 0);
  }

  /**
   * Gives private pages back to the host: a hole in the guest_memfd. A technology without one
   * answers EOPNOTSUPP unless its VMM has another way.
   */
  default long punch(VmmMachine vm, long gpa, long size) {
    VmmBank bank = vm.bankOf(gpa, size);
    if (bank == null) {
      return -Errno.EINVAL.number();
    }
    if (bank.guestMemfd() < 0) {
      return -Errno.EOPNOTSUPP.number();
    }
    int punchHoleKeepSize = 3;
    return vm.calls().fallocate(bank.guestMemfd(), punchHoleKeepSize, gpa - bank.gpa(), size);
  }

  /**
   * Prepares the VM for another boot. The default is a VMM that cannot: EOPNOTSUPP makes the runner
   * end the VM and launch a new one, which is how confidential guests are rebooted.
   */
  default long reboot(VmmMachine vm) {
    return -Errno.EOPNOTSUPP.number();
  }

  /**
   * States what this technology does in a situation and who says so, for reports that set
   * technologies side by side.
   *
   * @return the rule, or null where the technology has nothing of its own to say
   */
  default @Nullable VmmRule rule(VmmTopic topic) {
    return null;
  }
}
