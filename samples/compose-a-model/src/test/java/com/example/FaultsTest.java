package com.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cocovisor.vmm.checked.GuestVm;
import org.junit.jupiter.api.Test;

class FaultsTest {
  @Test
  void fourPagesAreFourFaults() {
    Faults faults = new Faults();
    try (GuestVm td = faults.model().guest("tdx").memory("16M").boot()) {
      long before = faults.mapped();
      td.prefault(0x100000, 0x4000);
      assertEquals(4, faults.mapped() - before);
      assertTrue(faults.model().violations().isEmpty());
    }
  }
}
