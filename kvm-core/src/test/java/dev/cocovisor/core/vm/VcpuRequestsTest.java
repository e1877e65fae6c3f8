package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Requests of others to a vCPU, as vcpu-requests.rst has them. */
class VcpuRequestsTest {
  private final VcpuRequests r = new VcpuRequests(3);

  @Test
  void withNothingWantedItEntersAndIsAwaitedUntilItLeaves() {
    assertThat(r.enter()).isTrue();
    r.leave();
    r.awaitOutside();
    assertThat(r.placeName(0)).isEqualTo("vcpu 3 requests");
  }

  @Test
  void aFlushKeepsItOutUntilItIsTakenOnce() {
    r.requestFlush();
    assertThat(r.flushPending()).isTrue();
    assertThat(r.enter()).isFalse();
    r.awaitOutside();
    assertThat(r.take()).isTrue();
    assertThat(r.flushPending()).isFalse();
    assertThat(r.take()).isFalse();
    assertThat(r.enter()).isTrue();
  }

  @Test
  void aRequestToBeOutsideIsNoFlush() {
    r.requestExit();
    assertThat(r.enter()).isFalse();
    assertThat(r.take()).isFalse();
    assertThat(r.enter()).isTrue();
  }

  @Test
  void aSignalStaysUntilACallTakesIt() {
    r.signal();
    assertThat(r.enter()).isFalse();
    assertThat(r.take()).isFalse();
    assertThat(r.enter()).isFalse();
    assertThat(r.takeSignal()).isTrue();
    assertThat(r.takeSignal()).isFalse();
    assertThat(r.enter()).isTrue();
  }
}
