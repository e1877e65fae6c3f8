package dev.cocovisor.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A count, not a time: what a fault allocates once its tables and pages exist. */
class FaultAllocationTest {
  @ParameterizedTest
  @CsvSource({
    "sw-protected, private-4k",
    "sw-protected, shared-4k",
    "sw-protected, private-2m",
    "tdx, private-4k",
    "tdx, private-2m"
  })
  void faultsAllocateNothing(String backend, String pages) {
    long allocated = FaultCpu.measure(backend, pages, 6).allocated();
    // A stray kilobyte of the runtime itself, spread over 16384 faults, is no allocation of a
    // fault.
    assertThat(allocated).isLessThan(16_384);
  }
}
