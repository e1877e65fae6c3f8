package com.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cocovisor.host.model.HypervisorModel;
import dev.cocovisor.junit.CocoVm;
import dev.cocovisor.vmm.checked.GuestVm;
import org.junit.jupiter.api.Test;

/** What a guest keeps when its memory is converted; guests and their host are parameters. */
class ConversionTest {
  @Test
  void aTdLosesWhatItSharesAndTakesBack(
      @CocoVm(backend = "tdx", memory = "64M") GuestVm td, HypervisorModel host) {
    td.vcpu(0).accept(0x200000, 0x1000);
    td.vcpu(0).write(0x200000, 0x5a);
    assertEquals(0x5a, td.vcpu(0).read(0x200000));

    td.vcpu(0).convertToShared(0x200000, 0x1000);
    td.vcpu(0).writeShared(0x200000, 0x11);
    assertEquals(0x11, td.hostRead(0x200000));

    td.vcpu(0).convertToPrivate(0x200000, 0x1000);
    assertEquals(0, td.vcpu(0).read(0x200000));
    assertTrue(host.violations().isEmpty());
  }

  @Test
  void contentsArePutInBeforeTheLaunchEnds(
      @CocoVm(backend = "sev-snp", memory = "16M", boot = false) GuestVm snp) {
    snp.populate(0, 0x4000, 0x5a).finish();
    assertEquals(0x5a, snp.vcpu(0).read(0x3000));
  }
}
