package dev.cocovisor.tdx.kvm;

import static dev.cocovisor.tdx.kvm.TdxHost.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.tdx.module.call.SeamCall;
import org.junit.jupiter.api.Test;

/**
 * KVM_TDX_GET_CPUID where the module refuses to tell. Source: Linux 7.3.4, {@code
 * arch/x86/kvm/vmx/tdx.c}, tdx_vcpu_get_cpuid, tdx_vcpu_get_cpuid_leaf, tdx_read_cpuid.
 */
class GuestCpuidTest {
  private static VendorCommand command() {
    return new VendorCommand("KVM_TDX_GET_CPUID", new Fields().put("nent", 256));
  }

  private static void refuse(TdxHost h, int times) {
    TrustedFault fault =
        TrustedFault.ofCall(SeamCall.MNG_RD.callName(), TrustedFault.How.REFUSED, times);
    assertThat(h.platform.plan(fault)).isEqualTo(Errno.OK);
  }

  @Test
  void withoutTheFirstLeafOfARangeTheCommandIsEioAndTheVmLives() {
    TdxHost h = TdxHost.building("upstream");
    refuse(h, 2);
    VendorCommand c = command();
    int vcpu = h.vcpus.getFirst();
    assertThat(h.process.memoryEncryptOp(vcpu, c)).isEqualTo(-Errno.EIO.number());
    assertThat(c.out().asMap()).isEmpty();
    assertThat(h.vm().isDead()).isFalse();
    ok(h.process.memoryEncryptOp(vcpu, c));
    assertThat(c.out().number("nent")).isEqualTo(56);
  }

  @Test
  void aLeafThatCannotBeReadWithoutASubleafIsReadWithAllOfThem() {
    TdxHost h = TdxHost.building("upstream");
    refuse(h, 1);
    VendorCommand c = command();
    ok(h.process.memoryEncryptOp(h.vcpus.getFirst(), c));
    // Leaf 0 stands for 128 sub-leaves, of which a field's name can tell no more.
    assertThat(c.out().number("nent")).isEqualTo(56 - 1 + 128);
    assertThat(c.out().list("cpuid").get(127)).asString().contains("index=127");
  }
}
