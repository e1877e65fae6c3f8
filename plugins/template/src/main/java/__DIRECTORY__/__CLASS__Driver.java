package __PACKAGE__;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;

/** How a VMM launches and uses such a VM. */
public final class __CLASS__Driver implements VmmDriver {
  @Override
  public long vmType() {
    return __CLASS__Backend.TYPE.number();
  }

  @Override
  public long vmCreated(VmmMachine vm) {
    return vm.calls()
        .memoryEncryptOp(vm.vmFd(), new VendorCommand("KVM___CONSTANT___START", new Fields()));
  }

  @Override
  public long populate(VmmMachine vm, long gpa, long size, long source, boolean measured) {
    return -Errno.EOPNOTSUPP.number(); // nothing is copied in yet
  }
}
