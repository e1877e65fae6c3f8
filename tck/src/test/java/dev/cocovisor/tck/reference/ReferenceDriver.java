package dev.cocovisor.tck.reference;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import java.util.List;

/** The reference technology's VMM. */
public class ReferenceDriver implements VmmDriver {
  /** Creates the VMM. */
  public ReferenceDriver() {}

  @Override
  public long vmType() {
    return ReferenceBackend.TYPE.number();
  }

  private static long op(VmmMachine vm, String name, Fields in) {
    return vm.calls().memoryEncryptOp(vm.vmFd(), new VendorCommand(name, in));
  }

  @Override
  public long vmCreated(VmmMachine vm) {
    return op(vm, "REFERENCE_INIT", new Fields());
  }

  @Override
  public long populate(VmmMachine vm, long gpa, long size, long source, boolean measured) {
    return op(
        vm,
        "REFERENCE_POPULATE",
        new Fields().put("gpa", gpa).put("size", size).put("source", source));
  }

  @Override
  public long finalizeLaunch(VmmMachine vm) {
    return op(vm, "REFERENCE_FINALIZE", new Fields());
  }

  @Override
  public long guestAddress(VmmMachine vm, long gpa, boolean shared) {
    return shared ? gpa | ReferenceOps.SHARED << PageLevel.PAGE_SHIFT : gpa;
  }

  @Override
  public List<GuestAction> accept(VmmMachine vm, long gpa, long size, PageLevel level) {
    return List.of(
        new GuestAction.Vendor("reference_accept", new Fields().put("gpa", gpa).put("size", size)));
  }

  @Override
  public List<GuestAction> refusedCalls(VmmMachine vm) {
    return accept(vm, 1, PageLevel.PAGE_SIZE, PageLevel.PG_4K);
  }

  @Override
  public GuestAnswer judge(GuestAction action, RunResult result) {
    if (result.errno().ok()
        && result.exit() instanceof Exit.Vendor v
        && v.name().equals(ReferenceOps.TOLD)) {
      long code = v.fields().number("code");
      return code == 0
          ? new GuestAnswer.Done(0)
          : new GuestAnswer.Refused(code, code == ReferenceOps.UNALIGNED ? "UNALIGNED" : "?");
    }
    return VmmDriver.super.judge(action, result);
  }
}
