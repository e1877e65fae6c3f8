package dev.cocovisor.snp.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.sched.ModelLock;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * KVM_SEV_INIT and KVM_SEV_ES_INIT, which turn a VM of the default type into a SEV guest. Source:
 * {@code arch/x86/kvm/svm/sev.c}, sev_guest_init (7.3).
 */
class LegacyInitTest {
  private final Machine machine = new Machine();

  private SevVm vm(VmType type) {
    var _ = machine.guest(4);
    VmContext context = mock(VmContext.class);
    when(context.kvmLock()).thenReturn(new ModelLock("kvm->lock"));
    when(context.vcpus()).thenReturn(List.of());
    return (SevVm) machine.platform().createVm(context, type);
  }

  private static long op(SevVm vm, String name, Fields in) {
    return vm.memEncIoctl(new VendorCommand("KVM_SEV_" + name, in));
  }

  @Test
  void defaultVmBecomesASevGuest() {
    SevVm vm = vm(VmType.X86_DEFAULT);
    assertThat(op(vm, "GUEST_STATUS", new Fields())).isEqualTo(-Errno.ENOTTY.number());
    assertThat(op(vm, "INIT2", new Fields())).isEqualTo(-Errno.EINVAL.number());
    assertThat(op(vm, "INIT", new Fields())).isZero();
    assertThat(vm.info().esActive).isFalse();
    assertThat(vm.info().ghcbVersion).isZero();
    assertThat(vm.asid()).as("of the pool of plain guests").isGreaterThanOrEqualTo(251);
    assertThat(op(vm, "INIT", new Fields())).isEqualTo(-Errno.EINVAL.number());
    assertThat(op(vm, "LAUNCH_START", new Fields())).isZero();
  }

  @Test
  void defaultVmBecomesAnEsGuestOfGhcbVersionOne() {
    SevVm vm = vm(VmType.X86_DEFAULT);
    assertThat(op(vm, "ES_INIT", new Fields())).isZero();
    assertThat(vm.info().esActive).isTrue();
    assertThat(vm.info().ghcbVersion).isEqualTo(1);
    assertThat(vm.asid()).isBetween(1, 250);
  }

  @Test
  void typedVmsDoNotTakeThem() {
    for (VmType type : List.of(VmType.X86_SEV, VmType.X86_SEV_ES, VmType.X86_SNP)) {
      assertThat(op(vm(type), "INIT", new Fields())).isEqualTo(-Errno.EINVAL.number());
      assertThat(op(vm(type), "ES_INIT", new Fields())).isEqualTo(-Errno.EINVAL.number());
    }
  }
}
