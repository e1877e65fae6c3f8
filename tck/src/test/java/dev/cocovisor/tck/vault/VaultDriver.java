package dev.cocovisor.tck.vault;

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

/** How a VMM runs a guest of the vault. */
final class VaultDriver implements VmmDriver {
  /** What a call returns that was refused. */
  static final long REFUSED = -3;

  @Override
  public long vmType() {
    return VaultBackend.TYPE.number();
  }

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
    return vm.calls().memoryEncryptOp(vm.vmFd(), new VendorCommand("VAULT_UNPACK", in));
  }

  @Override
  public long finalizeLaunch(VmmMachine vm) {
    return vm.calls().memoryEncryptOp(vm.vmFd(), new VendorCommand("VAULT_VERIFY", new Fields()));
  }

  @Override
  public List<GuestAction> askConversion(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    List<GuestAction> calls = new ArrayList<>();
    for (long at = gpa; at < gpa + size; at += PageLevel.PAGE_SIZE) {
      calls.add(call(toPrivate ? "vault_unshare" : "vault_share", at));
    }
    return calls;
  }

  private static GuestAction call(String name, long gpa) {
    return new GuestAction.Vendor(name, new Fields().put("gpa", gpa));
  }

  @Override
  public long convert(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    return -Errno.EOPNOTSUPP.number();
  }

  @Override
  public List<GuestAction> refusedCalls(VmmMachine vm) {
    return List.of(call("vault_share", 1));
  }

  @Override
  public GuestAnswer judge(GuestAction action, RunResult result) {
    return action instanceof GuestAction.Vendor
            && result.exit() instanceof Exit.Done d
            && d.value() == REFUSED
        ? new GuestAnswer.Refused(d.value(), "not the guest's")
        : VmmDriver.super.judge(action, result);
  }
}
