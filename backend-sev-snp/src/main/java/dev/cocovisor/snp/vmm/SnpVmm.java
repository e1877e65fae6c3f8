package dev.cocovisor.snp.vmm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Capability;
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
import dev.cocovisor.snp.guest.SnpActions;
import dev.cocovisor.snp.kvm.EncBitmap;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A VMM of SNP guests, as QEMU does it: INIT2, vCPUs and RAM, SNP_LAUNCH_START, UPDATE, FINISH.
 *
 * <p>Policy field: {@code policy}, the SNP guest policy (default 0x30000). A conversion to shared
 * starts with the guest giving its validation up; both ways the guest asks by a page state change
 * buffer, and after one to private it validates. The VMM punches a hole behind what became shared.
 */
public final class SnpVmm implements VmmDriver {
  private static final long PAGE_NORMAL = 1;
  private static final long PAGE_UNMEASURED = 4;
  private static final long GHCB_GFN = 1;

  /** Creates the driver; it has no state. */
  public SnpVmm() {}

  /** A launch asks for a bitmap of so many pages ({@code sev-snp.migration=cap}). */
  private static final String BITMAP_PAGES = "page_enc_bitmap";

  @Override
  public long vmType() {
    return VmType.X86_SNP.number();
  }

  private static long command(VmmMachine vm, String name, Fields in) {
    return vm.calls().memoryEncryptOp(vm.vmFd(), new VendorCommand(name, in));
  }

  @Override
  public Set<String> launchFields() {
    return Set.of("policy", BITMAP_PAGES);
  }

  @Override
  public long vmCreated(VmmMachine vm) {
    long mapGpaRange = 1 << 12;
    long r =
        vm.calls().enableCap(vm.vmFd(), Capability.KVM_CAP_EXIT_HYPERCALL.number(), 0, mapGpaRange);
    long pages = vm.policy().number(BITMAP_PAGES, 0);
    if (r >= 0 && pages != 0) {
      r = vm.calls().enableCap(vm.vmFd(), EncBitmap.CAP_PAGE_ENC_BITMAP, 0, pages);
    }
    return r < 0 ? r : command(vm, "KVM_SEV_INIT2", new Fields());
  }

  @Override
  public long ready(VmmMachine vm) {
    return command(
        vm,
        "KVM_SEV_SNP_LAUNCH_START",
        new Fields().put("policy", vm.policy().number("policy", 0x30000)));
  }

  @Override
  public long populate(VmmMachine vm, long gpa, long size, long source, boolean measured) {
    long done = 0;
    while (done < size) {
      VendorCommand c =
          new VendorCommand(
              "KVM_SEV_SNP_LAUNCH_UPDATE",
              new Fields()
                  .put("gfn_start", (gpa + done) >>> PAGE_SHIFT)
                  .put("uaddr", source + done)
                  .put("len", size - done)
                  .put("type", measured ? PAGE_NORMAL : PAGE_UNMEASURED));
      long r = vm.calls().memoryEncryptOp(vm.vmFd(), c);
      if (r < 0) {
        return r;
      }
      // What was left over comes back in len; the caller goes on until nothing is.
      done = size - c.out().number("len", 0);
    }
    return 0;
  }

  @Override
  public long finalizeLaunch(VmmMachine vm) {
    return command(vm, "KVM_SEV_SNP_LAUNCH_FINISH", new Fields());
  }

  @Override
  public List<GuestAction> accept(VmmMachine vm, long gpa, long size, PageLevel level) {
    if (level != PageLevel.PG_4K) {
      return List.of(SnpActions.validate(gpa, size >>> PAGE_SHIFT, true));
    }
    return ActionRange.of(gpa, size, level, (at, _) -> SnpActions.pvalidate(at, false, true));
  }

  @Override
  public List<GuestAction> askConversion(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    List<GuestAction> actions = new ArrayList<>();
    if (!toPrivate) {
      actions.add(SnpActions.validate(gpa, size >>> PAGE_SHIFT, false));
    }
    actions.add(SnpActions.registerGhcb(GHCB_GFN));
    List<Fields> entries = new ArrayList<>();
    int op = toPrivate ? 1 : 2;
    for (long at = gpa; at < gpa + size; ) {
      boolean huge =
          PageLevel.PG_2M.aligned(at >>> PAGE_SHIFT) && gpa + size - at >= PageLevel.PG_2M.bytes();
      entries.add(SnpActions.entry(at >>> PAGE_SHIFT, op, huge, 0));
      at += huge ? PageLevel.PG_2M.bytes() : PageLevel.PAGE_SIZE;
      if (entries.size() == 253 || at >= gpa + size) {
        actions.add(SnpActions.pageState(0, entries.size() - 1, entries));
        entries.clear();
      }
    }
    return actions;
  }

  @Override
  public GuestAnswer judge(GuestAction action, RunResult result) {
    return result.errno().ok() && result.exit() instanceof Exit.Vendor told
        ? SnpAnswers.of(action, result, told)
        : VmmDriver.super.judge(action, result);
  }

  @Override
  public @Nullable GuestAction resume(VmmMachine vm, Exit asked, long ret) {
    return asked instanceof Exit.Hypercall ? SnpActions.resume(ret) : null;
  }

  @Override
  public long convert(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    long r = VmmDriver.super.convert(vm, gpa, size, toPrivate);
    // In place the page is given back where it lies (make_shared): there is nothing to punch.
    return r < 0 || toPrivate || vm.convertsInPlace() ? r : punch(vm, gpa, size);
  }

  /** PVALIDATE takes aligned addresses, and nobody adjusts the permissions of his own VMPL. */
  @Override
  public List<GuestAction> refusedCalls(VmmMachine vm) {
    return List.of(
        SnpActions.pvalidate(1, false, true),
        SnpActions.pvalidate(PageLevel.PAGE_SIZE, true, true),
        SnpActions.rmpadjust(0, false, 0, 0, false));
  }

  @Override
  public VmmRule rule(VmmTopic topic) {
    return SnpRules.of(topic);
  }
}
