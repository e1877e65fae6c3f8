package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.CALLS_REAL_METHODS;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.mock;

import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How many pages one KVM_EXIT_MEMORY_FAULT tells of where the host allows a batch of four. */
class BatchedExitTest {
  private static final long BASE = 1L << 30;
  private static final long PAGE = 4096;
  private static final long HVA = 0x7f60_0000_0000L;
  private static final long SHARED = FakeBackend.SHARED_BIT_GFN << 12;

  private final VmOps ops = mock(VmOps.class, CALLS_REAL_METHODS);
  private final KvmProcess process =
      new KvmProcess(
          new Kvm(
              HostConfig.DEFAULT.withSetting("core.memory-fault-batch", "4"),
              List.of(new FakeBackend(ops))));
  private int vm;
  private int vcpu;

  @BeforeEach
  void start() {
    doReturn(FakeBackend.MIRRORED).when(ops).traits();
    vm = (int) process.createVm((int) process.openDevKvm(), 5);
    vcpu = (int) process.createVcpu(vm, 0);
    int gmem = (int) process.createGuestMemfd(vm, 16 * PAGE, 0);
    assertThat(process.mmap(HVA, 16 * PAGE, 3, 0x22, -1, 0)).isEqualTo(HVA);
    assertThat(process.setUserMemoryRegion2(vm, 1, 4, BASE, 16 * PAGE, HVA, 0, gmem)).isZero();
    // Pages 0 to 5 are shared, 6 to 12 private, 13 to 15 shared.
    assertThat(process.setMemoryAttributes(vm, BASE + 6 * PAGE, 7 * PAGE, 8, 0)).isZero();
  }

  private Exit.MemoryFault read(long gpa) {
    var run = process.guestRun(vcpu, new GuestAction.Read(gpa));
    assertThat(run.exit()).isInstanceOf(Exit.MemoryFault.class);
    return (Exit.MemoryFault) run.exit();
  }

  @Test
  void aRunOfPagesThatMismatchAlikeIsOneBatchOfAsManyAsTheHostAllows() {
    assertThat(read(BASE)).isEqualTo(new Exit.MemoryFault(8, BASE, 4 * PAGE));
    assertThat(read(BASE + PAGE)).isEqualTo(new Exit.MemoryFault(8, BASE + PAGE, 4 * PAGE));
  }

  @Test
  void theBatchEndsWhereTheAttributeAgrees() {
    assertThat(read(BASE + 4 * PAGE)).isEqualTo(new Exit.MemoryFault(8, BASE + 4 * PAGE, 2 * PAGE));
    assertThat(read(SHARED | (BASE + 10 * PAGE)))
        .isEqualTo(new Exit.MemoryFault(0, BASE + 10 * PAGE, 3 * PAGE));
  }

  @Test
  void theBatchEndsWithTheSlot() {
    assertThat(read(BASE + 14 * PAGE))
        .isEqualTo(new Exit.MemoryFault(8, BASE + 14 * PAGE, 2 * PAGE));
    assertThat(read(BASE + 15 * PAGE)).isEqualTo(new Exit.MemoryFault(8, BASE + 15 * PAGE, PAGE));
  }

  @Test
  void aFaultThatIsNoMismatchIsOnePage() {
    assertThat(read(BASE + 16 * PAGE)).isEqualTo(new Exit.MemoryFault(8, BASE + 16 * PAGE, PAGE));
  }
}
