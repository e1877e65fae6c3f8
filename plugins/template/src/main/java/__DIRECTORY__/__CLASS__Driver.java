package __PACKAGE__;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import java.util.ArrayList;
import java.util.List;

/** How a VMM launches such a guest, and how the guest's kernel asks for what it wants. */
final class __CLASS__Driver implements VmmDriver {
  static final String SHARE = "__SNAKE___share";
  static final String UNSHARE = "__SNAKE___unshare";

  /** What a call of the guest returns that the trusted half refused. */
  static final long REFUSED = -3;

  @Override
  public long vmType() {
    return __CLASS__Backend.TYPE.number();
  }

  /** Private memory is the VMM's own. */
  @Override
  public boolean guestMemfd() {
    return false;
  }

  @Override
  public long populate(VmmMachine vm, long gpa, long size, long source, boolean measured) {
    if (!measured) {
      return -Errno.EOPNOTSUPP.number();
    }
    Fields in = new Fields().put("gpa", gpa).put("size", size).put("source", source);
    return vm.calls().memoryEncryptOp(vm.vmFd(), new VendorCommand("__CONSTANT___UNPACK", in));
  }

  @Override
  public long finalizeLaunch(VmmMachine vm) {
    return vm.calls().memoryEncryptOp(vm.vmFd(), new VendorCommand("__CONSTANT___SEAL", new Fields()));
  }

  /** What the guest does to have a range converted: here a call for each page, and no exit. */
  @Override
  public List<GuestAction> askConversion(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    List<GuestAction> calls = new ArrayList<>();
    for (long at = gpa; at < gpa + size; at += PageLevel.PAGE_SIZE) {
      calls.add(call(toPrivate ? UNSHARE : SHARE, at));
    }
    return calls;
  }

  private static GuestAction call(String name, long gpa) {
    return new GuestAction.Vendor(name, new Fields().put("gpa", gpa));
  }

  /** The host cannot convert what the guest did not share. */
  @Override
  public long convert(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    return -Errno.EOPNOTSUPP.number();
  }

  /** Calls that the trusted half refuses, for the kit. */
  @Override
  public List<GuestAction> refusedCalls(VmmMachine vm) {
    return List.of(call(SHARE, 1));
  }

  /** Tells a refusal from a result: only the vendor knows which value of a register says so. */
  @Override
  public GuestAnswer judge(GuestAction action, RunResult result) {
    return action instanceof GuestAction.Vendor
            && result.exit() instanceof Exit.Done d
            && d.value() == REFUSED
        ? new GuestAnswer.Refused(d.value(), "not a page of the guest's")
        : VmmDriver.super.judge(action, result);
  }
}
