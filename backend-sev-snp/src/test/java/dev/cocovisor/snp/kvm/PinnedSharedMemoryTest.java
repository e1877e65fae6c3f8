package dev.cocovisor.snp.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Memory registered for encryption stays, whatever becomes of the mapping and its file. */
class PinnedSharedMemoryTest {
  private static final int MAP_SHARED_ANONYMOUS = 0x21;
  private static final long SIZE = 4 * 4096;

  @Test
  void sharedMemoryRegisteredForEncryptionOutlivesItsMapping() {
    Machine m = new Machine();
    Machine.Guest g = m.guest(2);
    assertThat(g.op("INIT2")).isZero();
    long before = m.kvm.memory().allocatedFrames();
    long user = m.vmm.mmap(0, SIZE, 3, MAP_SHARED_ANONYMOUS, -1, 0);
    assertThat(m.vmm.memoryEncryptRegion(g.vm, true, user, SIZE)).isZero();
    assertThat(m.vmm.munmap(user, SIZE)).isZero();
    assertThat(m.kvm.memory().allocatedFrames()).isEqualTo(before + 4);
    m.check();
    assertThat(m.vmm.memoryEncryptRegion(g.vm, false, user, SIZE)).isZero();
    assertThat(m.kvm.memory().allocatedFrames()).isEqualTo(before);
    m.check();
  }
}
