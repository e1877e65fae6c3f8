package dev.cocovisor.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.host.model.HypervisorModel;
import dev.cocovisor.vmm.checked.GuestStopped;
import dev.cocovisor.vmm.checked.GuestVm;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The extension as its users use it. */
class CocoVmTest {
  // begin: coco-vm
  @Test
  void whatIsConvertedBackIsLost(@CocoVm(backend = "tdx", memory = "64M", vcpus = 2) GuestVm td) {
    td.vcpu(0).accept(0x200000, 0x1000);
    td.vcpu(0).write(0x200000, 0x5a);
    assertThat(td.vcpu(1).read(0x200000)).isEqualTo(0x5a);

    td.vcpu(0).convertToShared(0x200000, 0x1000);
    td.vcpu(0).writeShared(0x200000, 0x11);
    assertThat(td.hostRead(0x200000)).isEqualTo(0x11);

    td.vcpu(0).convertToPrivate(0x200000, 0x1000);
    assertThat(td.vcpu(1).read(0x200000)).isZero();
  }

  // end: coco-vm

  // begin: coco-two
  @Test
  void twoKindsOfGuestOnOneHost(
      @CocoVm(backend = "tdx") GuestVm td,
      @CocoVm(backend = "sev-snp", memory = "1G") GuestVm snp,
      HypervisorModel host) {
    td.vcpu(0).accept(0, 0x1000);
    snp.vcpu(0).accept(0, 0x1000);
    td.vcpu(0).write(0, 1);
    snp.vcpu(0).write(0, 2);
    assertThat(td.vcpu(0).read(0)).isEqualTo(1);
    assertThat(host.kvm().vms()).hasSize(2);
  }

  // end: coco-two

  // begin: coco-exit
  @Test
  void anAccessThatDoesNotCompleteTellsHowItEnded(@CocoVm(memory = "1M") GuestVm guest) {
    assertThat(guest.vcpu(0).tryRead(0x200000).run().exit()).isInstanceOf(Exit.Mmio.class);
    assertThatThrownBy(() -> guest.vcpu(0).read(0x200000))
        .isInstanceOf(GuestStopped.class)
        .hasMessageContaining("KVM_EXIT_MMIO");
  }

  // end: coco-exit

  // begin: coco-launch
  @Test
  void contentsArePutInBeforeTheLaunchEnds(@CocoVm(backend = "sev-snp", boot = false) GuestVm snp) {
    snp.populate(0, 0x4000, 0x5a).finish();
    assertThat(snp.vcpu(0).read(0x3000)).isEqualTo(0x5a);
  }

  // end: coco-launch

  // begin: coco-settings
  @Test
  @CocoHost(settings = {"core.gmem-order=9", "tdx.page-size-policy=rfc-v1"})
  void aHostWithHugePages(@CocoVm(backend = "tdx") GuestVm td) {
    td.vcpu(0).accept(0x200000, 0x200000, PageLevel.PG_2M);
    assertThat(td.kernel().context().mappedLevel(td.gfn(0x200000), true))
        .isEqualTo(PageLevel.PG_2M);
  }

  // end: coco-settings

  @Test
  void theHostTheVmmAndItsCallsAreGivenToo(
      @CocoVm GuestVm guest, HypervisorModel host, Kvm kvm, KvmProcess vmm, VmmCalls calls) {
    assertThat(kvm).isSameAs(host.kvm());
    assertThat(vmm.kvm()).isSameAs(kvm);
    assertThat(vmm.vm(guest.machine().vmFd())).isSameAs(guest.kernel());
    assertThat(calls).isSameAs(guest.calls());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void argumentsAndGuestsMix(int value, @CocoVm(backend = "sev-snp") GuestVm snp) {
    snp.vcpu(0).accept(0, 0x1000);
    snp.vcpu(0).write(0, value);
    assertThat(snp.vcpu(0).read(0)).isEqualTo(value);
  }

  @RepeatedTest(2)
  void everyRunHasAHostOfItsOwn(@CocoVm GuestVm guest) {
    assertThat(guest.kernel().id()).isEqualTo(1);
    guest.vcpu(0).write(0, 1);
  }

  @Nested
  @CocoVm(backend = "pkvm", memory = "16M")
  class OnAnArmHost {
    private GuestVm first;

    @BeforeEach
    void launch(GuestVm guest) {
      first = guest;
    }

    @Test
    void theClassDescribesGuestsThatSayNothingThemselves(GuestVm second) {
      assertThat(first.backend()).isEqualTo("pkvm");
      assertThat(second).isNotSameAs(first);
      second.vcpu(0).write(0, 9);
      assertThat(second.vcpu(0).read(0)).isEqualTo(9);
    }

    @Test
    @CocoVm(backend = "pkvm", memory = "8M", vcpus = 3)
    void theMethodComesBeforeTheClass(GuestVm second) {
      assertThat(second.vcpus()).hasSize(3);
      assertThat(second.machine().banks().getFirst().size()).isEqualTo(8 << 20);
    }
  }

  // begin: coco-compose
  @Nested
  class OnAHostOfItsOwn implements HostComposer {
    private final List<String> hooks = new ArrayList<>();

    @Override
    public void compose(HypervisorModel.Builder host) {
      host.pageSizes((vm, gfn, vendors) -> PageLevel.PG_4K)
          .decorate((backend, vm, ops) -> {
            hooks.add(backend + " vm " + vm.id());
            return ops;
          });
    }

    @Test
    @CocoHost(settings = "core.gmem-order=9")
    void partsAreReplaced(@CocoVm(backend = "sev-snp") GuestVm snp) {
      assertThat(snp.prefault(0, 0x200000)).isZero();
      assertThat(snp.kernel().context().mappedLevel(0, true)).isEqualTo(PageLevel.PG_4K);
      assertThat(hooks).containsExactly("sev-snp vm 1");
    }
  }
  // end: coco-compose
}
