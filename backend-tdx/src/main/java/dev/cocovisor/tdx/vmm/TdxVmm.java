package dev.cocovisor.tdx.vmm;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.ActionRange;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.api.vmm.VmmRule;
import dev.cocovisor.api.vmm.VmmTopic;
import dev.cocovisor.tdx.guest.TdCalls;
import dev.cocovisor.tdx.guest.VmcallStatus;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import java.util.List;
import java.util.Set;

/**
 * A VMM of TDs, as QEMU does it: INIT_VM, vCPUs, INIT_VCPU, INIT_MEM_REGION, FINALIZE_VM.
 *
 * <p>Policy fields: {@code attributes}, {@code xfam}, {@code guest_pa_width} (48 or 52).
 */
public final class TdxVmm implements VmmDriver {
  private static final long ADDRESS_LEAF = 0x80000008L;
  private static final int SPLIT_IRQCHIP = Capability.KVM_CAP_SPLIT_IRQCHIP.number();

  /** Pins of the I/O APIC that the VMM keeps to itself, as QEMU asks for. */
  private static final int IOAPIC_PINS = 24;

  private static final int EXIT_HYPERCALL = Capability.KVM_CAP_EXIT_HYPERCALL.number();
  private static final int MAP_GPA_RANGE = 12;

  /** Creates the driver; it has no state. */
  public TdxVmm() {}

  @Override
  public long vmType() {
    return VmType.X86_TDX.number();
  }

  private static long width(VmmMachine vm) {
    return vm.policy().number("guest_pa_width", 48);
  }

  @Override
  public Set<String> launchFields() {
    return Set.of("attributes", "guest_pa_width", "xfam");
  }

  @Override
  public long vmCreated(VmmMachine vm) {
    Fields leaf = new Fields().put("function", ADDRESS_LEAF).put("eax", width(vm) << 16);
    Fields in =
        new Fields()
            .put("attributes", vm.policy().number("attributes", 1L << 28))
            .put("xfam", vm.policy().number("xfam", 3))
            .putAny("cpuid", List.of(leaf));
    long r = vm.calls().enableCap(vm.vmFd(), EXIT_HYPERCALL, 0, 1L << MAP_GPA_RANGE);
    // A TD's vCPUs have KVM's local APIC and no other (tdx_vcpu_create).
    r = r < 0 ? r : vm.calls().enableCap(vm.vmFd(), SPLIT_IRQCHIP, 0, IOAPIC_PINS);
    return r < 0
        ? r
        : vm.calls().memoryEncryptOp(vm.vmFd(), new VendorCommand("KVM_TDX_INIT_VM", in));
  }

  @Override
  public long ready(VmmMachine vm) {
    for (int fd : vm.vcpuFds()) {
      long r =
          vm.calls()
              .memoryEncryptOp(
                  fd, new VendorCommand("KVM_TDX_INIT_VCPU", new Fields().put("data", 0)));
      if (r < 0) {
        return r;
      }
    }
    return 0;
  }

  @Override
  public long populate(VmmMachine vm, long gpa, long size, long source, boolean measured) {
    Fields in =
        new Fields()
            .put("flags", measured ? 1 : 0)
            .put("source_addr", source)
            .put("gpa", gpa)
            .put("nr_pages", size >>> PageLevel.PAGE_SHIFT);
    int vcpu = vm.bootVcpu();
    long r = vm.calls().memoryEncryptOp(vcpu, new VendorCommand("KVM_TDX_INIT_MEM_REGION", in));
    if (r != -Errno.ENOENT.number()) {
      return r;
    }
    // A kernel of the KVM_MAP_MEMORY series adds to pages that are mapped already.
    r = vm.calls().preFaultMemory(vcpu, 0, new long[] {gpa, size});
    return r < 0
        ? r
        : vm.calls().memoryEncryptOp(vcpu, new VendorCommand("KVM_TDX_INIT_MEM_REGION", in));
  }

  @Override
  public long finalizeLaunch(VmmMachine vm) {
    return vm.calls()
        .memoryEncryptOp(vm.vmFd(), new VendorCommand("KVM_TDX_FINALIZE_VM", new Fields()));
  }

  @Override
  public long guestAddress(VmmMachine vm, long gpa, boolean shared) {
    return shared ? gpa | sharedBit(vm) : gpa;
  }

  private static long sharedBit(VmmMachine vm) {
    return width(vm) == 52 ? 1L << 51 : 1L << 47;
  }

  @Override
  public List<GuestAction> accept(VmmMachine vm, long gpa, long size, PageLevel level) {
    return ActionRange.of(gpa, size, level, TdCalls::accept);
  }

  @Override
  public List<GuestAction> askConversion(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    return List.of(TdCalls.mapGpa(guestAddress(vm, gpa, !toPrivate), size));
  }

  /**
   * A TDCALL says in RAX how it ended, a TDVMCALL in R10: anything but 0 is the guest's answer. A
   * page the guest had accepted before is no error, and not what it asked for either.
   */
  @Override
  public GuestAnswer judge(GuestAction action, RunResult result) {
    boolean call = action instanceof GuestAction.Vendor || action instanceof GuestAction.Resume;
    if (call && result.errno().ok() && result.exit() instanceof Exit.Hlt e && e.value() != 0) {
      boolean ofHost = !(action instanceof GuestAction.Vendor v && v.name().equals("tdcall"));
      return new GuestAnswer.Refused(
          e.value(), ofHost ? VmcallStatus.describe(e.value()) : SeamStatus.describe(e.value()));
    }
    return VmmDriver.super.judge(action, result);
  }

  /** No page is accepted at 1 GiB, and MapGPA takes whole pages. */
  @Override
  public List<GuestAction> refusedCalls(VmmMachine vm) {
    return List.of(TdCalls.accept(0, PageLevel.PG_1G), TdCalls.mapGpa(1, PageLevel.PAGE_SIZE));
  }

  @Override
  public VmmRule rule(VmmTopic topic) {
    return TdxRules.of(topic);
  }
}
