package dev.cocovisor.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.inOrder;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.verifyNoInteractions;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.sched.ModelLock;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A VM of the kernel's own type that a vendor makes a guest of its own of. */
class AdoptableOpsTest {
  private final VmContext vm = mock();
  private final VcpuContext vcpu = mock();
  private final VmOps plain = mock();
  private final VmOps vendor = mock();
  private final AdoptableOps ops = new AdoptableOps(vm, plain, () -> vendor);
  private final VendorCommand init = new VendorCommand("KVM_SEV_INIT", new Fields());

  @BeforeEach
  void aVmWithAVcpu() {
    doReturn(new ModelLock("kvm->lock")).when(vm).kvmLock();
    doReturn(List.of(vcpu)).when(vm).vcpus();
    doReturn(Errno.OK).when(vendor).vmInit();
    doReturn(Errno.OK).when(vendor).vcpuCreate(any());
    doReturn(7L).when(vendor).memEncIoctl(any());
  }

  @Test
  void theVendorsHalfIsBornWithTheFirstCommandAndLearnsOfTheVcpusThatThereAre() {
    ops.vcpuCreate(vcpu);
    verifyNoInteractions(vendor);
    assertThat(ops.memEncIoctl(init)).isEqualTo(7);
    assertThat(ops.memEncIoctl(init)).isEqualTo(7);
    var order = inOrder(vendor);
    order.verify(vendor).vmInit();
    order.verify(vendor).vcpuCreate(vcpu);
    order.verify(vendor, times(2)).memEncIoctl(init);
    ops.vmDestroy();
    verify(vendor).vmDestroy();
    verify(plain, never()).vmDestroy();
  }

  @Test
  void aHalfThatCannotBeBornLeavesTheVmAsItWas() {
    doReturn(Errno.ENODEV).when(vendor).vmInit();
    assertThat(ops.memEncIoctl(init)).isEqualTo(-Errno.ENODEV.number());
    verify(vendor, never()).vmDestroy();
    assertThat(ops.delegate()).isSameAs(plain);
  }

  @Test
  void aHalfThatRefusesAVcpuIsGivenBack() {
    doReturn(Errno.ENOMEM).when(vendor).vcpuCreate(vcpu);
    assertThat(ops.vmCopyEncContextFrom(plain)).isEqualTo(Errno.ENOMEM);
    verify(vendor).vmDestroy();
    assertThat(ops.delegate()).isSameAs(plain);
  }
}
