package dev.cocovisor.host.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.model.HypervisorModel;
import dev.cocovisor.vmm.checked.GuestVm;
import org.junit.jupiter.api.Test;

/** A TD, an SNP guest and an ordinary VM on one host: what each can see of the others. */
class ThreeGuestsOnOneHostTest {
  @Test
  void guestsOfThreeKindsShareAHostAndNoMemory() {
    // begin: three-guests
    HypervisorModel model =
        HypervisorModel.builder()
            .backends(BackendRegistry.classPathOnly(), "tdx", "sev-snp")
            .build();
    GuestVm td = model.guest("tdx").memory("16M").launch();
    GuestVm snp = model.guest("sev-snp").memory("16M").launch();
    GuestVm plain = model.guest("default").memory("16M").launch();

    // Every guest begins with a page of its own in the same place.
    td.populate(0, 0x1000, 0x11).finish();
    snp.populate(0, 0x1000, 0x22).finish();
    plain.populate(0, 0x1000, 0x33).finish();
    assertThat(td.vcpu(0).read(0)).isEqualTo(0x11);
    assertThat(snp.vcpu(0).read(0)).isEqualTo(0x22);
    assertThat(plain.vcpu(0).read(0)).isEqualTo(0x33);

    // A store by one changes nothing for the others.
    td.vcpu(0).write(0, 0x44);
    assertThat(snp.vcpu(0).read(0)).isEqualTo(0x22);
    assertThat(plain.vcpu(0).read(0)).isEqualTo(0x33);
    assertThat(model.violations()).isEmpty();
    // end: three-guests

    long tdPage = frameOf(td, true);
    long snpPage = frameOf(snp, true);
    long plainPage = frameOf(plain, false);
    assertThat(tdPage).isNotEqualTo(snpPage);
    assertThat(plainPage).isNotEqualTo(tdPage).isNotEqualTo(snpPage);

    // begin: isolation
    // The kernel reads through its direct map: key ownership and the RMP stand in front of it.
    Accessor kernel = new Accessor(Accessor.Kind.HOST_KERNEL, 0, 0);
    PhysicalHost memory = model.kvm().physicalMemory();
    assertThat(memory.check(kernel, tdPage, true)).isEqualTo(Verdict.POISON);
    assertThat(memory.check(kernel, snpPage, true)).isEqualTo(Verdict.FAULT);
    assertThat(memory.check(kernel, plainPage, true)).isEqualTo(Verdict.ALLOW);
    assertThat(memory.readByte(kernel, tdPage << 12)).isNotEqualTo(0x44);
    assertThat(memory.readByte(kernel, snpPage << 12)).isNotEqualTo(0x22);
    assertThat(memory.readByte(kernel, plainPage << 12)).isEqualTo(0x33);
    // end: isolation

    // Another guest is no better off than the kernel.
    for (GuestVm other : new GuestVm[] {snp, plain}) {
      Accessor guest = new Accessor(Accessor.Kind.GUEST, other.kernel().id(), 0);
      assertThat(memory.check(guest, tdPage, false)).isNotEqualTo(Verdict.ALLOW);
    }
    for (GuestVm other : new GuestVm[] {td, plain}) {
      Accessor guest = new Accessor(Accessor.Kind.GUEST, other.kernel().id(), 0);
      assertThat(memory.check(guest, snpPage, true)).isNotEqualTo(Verdict.ALLOW);
    }
  }

  @Test
  void theEndOfOneGuestLeavesTheOthersRunning() {
    HypervisorModel model =
        HypervisorModel.builder()
            .backends(BackendRegistry.classPathOnly(), "tdx", "sev-snp")
            .build();
    long free = model.kvm().physicalMemory().allocatedFrames();
    GuestVm td = model.guest("tdx").memory("16M").launch();
    GuestVm snp = model.guest("sev-snp").memory("16M").launch();
    GuestVm plain = model.guest("default").memory("16M").launch();
    td.populate(0, 0x1000, 0x11).finish();
    snp.populate(0, 0x1000, 0x22).finish();
    plain.populate(0, 0x1000, 0x33).finish();
    td.vcpu(0).accept(0x100000, 0x2000);
    td.vcpu(0).write(0x100000, 1);
    snp.vcpu(0).accept(0x100000, 0x2000);
    snp.vcpu(0).write(0x100000, 2);

    td.close();
    assertThat(model.violations()).isEmpty();
    assertThat(snp.vcpu(0).read(0x100000)).isEqualTo(2);
    snp.close();
    assertThat(model.violations()).isEmpty();
    assertThat(plain.vcpu(0).read(0)).isEqualTo(0x33);
    plain.close();
    assertThat(model.violations()).isEmpty();
    assertThat(model.kvm().vms()).isEmpty();
    assertThat(model.kvm().physicalMemory().allocatedFrames() - free)
        .as("frames that nobody gave back")
        .isLessThan(16);
  }

  private static long frameOf(GuestVm guest, boolean isPrivate) {
    return guest.kernel().context().mappedPfn(guest.gfn(0), isPrivate);
  }
}
