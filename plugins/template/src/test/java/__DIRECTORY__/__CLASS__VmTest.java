package __PACKAGE__;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.sched.ModelLock;
import org.junit.jupiter.api.Test;

/** The vendor half alone, against a mocked core. */
class __CLASS__VmTest {
  @Test
  void startsOnce() {
    VmContext core = mock(VmContext.class);
    when(core.kvmLock()).thenReturn(new ModelLock("kvm->lock"));
    __CLASS__Vm vm = new __CLASS__Vm(core);
    VendorCommand start = new VendorCommand("KVM___CONSTANT___START", new Fields());
    assertEquals(0, vm.memEncIoctl(start));
    assertEquals(-Errno.EINVAL.number(), vm.memEncIoctl(start));
  }
}
