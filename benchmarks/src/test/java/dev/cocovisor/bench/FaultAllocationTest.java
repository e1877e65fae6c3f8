package dev.cocovisor.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A count, not a time: what a fault allocates once its tables and pages exist. */
class FaultAllocationTest {
  @Test
  void aPrivateFaultOfTheCoreAllocatesNothing() {
    allocatesNothing("sw-protected", "private-4k");
  }

  @ParameterizedTest
  @Tag("slow")
  @CsvSource({
    "sw-protected, shared-4k",
    "sw-protected, private-2m",
    "tdx, private-4k",
    "tdx, private-2m"
  })
  void otherFaultsAllocateNothing(String backend, String pages) {
    allocatesNothing(backend, pages);
  }

  private static void allocatesNothing(String backend, String pages) {
    long allocated = FaultCpu.measure(backend, pages, 12).allocated();
    // A stray kilobyte of the runtime itself, spread over 16384 faults, is no allocation of a
    // fault.
    assertThat(allocated).isLessThan(16_384);
  }
}
