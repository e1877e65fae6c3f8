package dev.cocovisor.core.facts;

import static dev.cocovisor.core.facts.Vmm.BASE;
import static dev.cocovisor.core.facts.Vmm.LOG_DIRTY;
import static dev.cocovisor.core.facts.Vmm.M;
import static dev.cocovisor.core.facts.Vmm.P;
import static dev.cocovisor.core.facts.Vmm.fails;
import static dev.cocovisor.core.facts.Vmm.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import dev.cocovisor.core.host.KvmProcess;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG answer, and what they do to mappings. */
class DirtyLogTest {
  private static final int MANUAL = Capability.KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2.number();
  private static final long GONE = 0x10;

  private final Vmm vmm = Vmm.of(Vmm.DEFAULT);
  private final KvmProcess process = vmm.process;

  @AfterEach
  void keepEveryInvariant() {
    assertThat(process.kvm().violations()).isEmpty();
  }

  private long logged(long bytes) {
    long hva = vmm.anonymous(bytes);
    ok(vmm.region(1, LOG_DIRTY, BASE, bytes, hva));
    return hva;
  }

  /** Reads the log as the pages whose bits are set. */
  private List<Long> dirty() {
    var pages = new ArrayList<Long>();
    ok(
        process.getDirtyLog(
            vmm.vm,
            1,
            words -> {
              for (long page = 0; page < words.length * 64L; page++) {
                if ((words[(int) (page >>> 6)] >>> page & 1) != 0) {
                  pages.add(page);
                }
              }
              return Errno.OK;
            }));
    return pages;
  }

  private long clear(long first, long pages, long... words) {
    return process.clearDirtyLog(
        vmm.vm,
        1,
        first,
        pages,
        into -> {
          System.arraycopy(words, 0, into, 0, Math.min(words.length, into.length));
          return Errno.OK;
        });
  }

  @Test
  void everyWriteIsLoggedOnceAndReadingClearsTheLog() {
    logged(M);
    assertThat(dirty()).isEmpty();
    vmm.guestWrites(BASE + 3 * P, 1);
    vmm.guestWrites(BASE + 70 * P, 1);
    vmm.guestWrites(BASE + 3 * P, 2);
    assertThat(dirty()).containsExactly(3L, 70L);
    assertThat(dirty()).isEmpty();
    vmm.guestWrites(BASE + 70 * P, 3);
    assertThat(dirty()).containsExactly(70L);
  }

  @Test
  void readingAnUntouchedPageDirtiesNothingButAWritablePageCounts() {
    long hva = logged(M);
    assertThat(vmm.guestReads(BASE)).isZero();
    assertThat(dirty()).as("the shared page of zeros is mapped read-only").isEmpty();
    ok(process.hostWrite(hva + P, 7));
    assertThat(vmm.guestReads(BASE + P)).isEqualTo(7);
    assertThat(dirty()).as("mapped writable, so it may be written unseen").containsExactly(1L);
  }

  @Test
  void whatTheHostWritesIsNotLogged() {
    long hva = logged(M);
    ok(process.hostWrite(hva, 7));
    assertThat(dirty()).isEmpty();
  }

  @Test
  void mappingsAreSmallWhileLoggedAndHugeAgainAfterwards() {
    long hva = vmm.hugetlb(M);
    vmm.slot(1, BASE, M, hva);
    vmm.guestWrites(BASE, 1);
    assertThat(process.stats(vmm.vm).pages2m()).isEqualTo(1);
    ok(vmm.region(1, LOG_DIRTY, BASE, M, hva));
    assertThat(process.stats(vmm.vm).pages2m()).isZero();
    assertThat(process.stats(vmm.vm).pages4k()).as("with the code page").isEqualTo(513);
    assertThat(dirty()).as("all is write-protected").isEmpty();
    vmm.guestWrites(BASE + 5 * P, 1);
    assertThat(dirty()).containsExactly(5L);
    ok(vmm.region(1, 0, BASE, M, hva));
    assertThat(process.stats(vmm.vm).pages2m()).isEqualTo(1);
    fails(process.getDirtyLog(vmm.vm, 1, _ -> Errno.OK), Errno.ENOENT);
    vmm.guestWrites(BASE + 6 * P, 1);
  }

  @Test
  void aNewMappingOfALoggedSlotIsSmall() {
    long hva = vmm.hugetlb(M);
    ok(vmm.region(1, LOG_DIRTY, BASE, M, hva));
    vmm.guestWrites(BASE + 9 * P, 1);
    assertThat(process.stats(vmm.vm).pages2m()).isZero();
    assertThat(dirty()).containsExactly(9L);
  }

  @Test
  void readOnlySlotsAreNeverDirty() {
    long hva = vmm.anonymous(M);
    ok(process.hostWrite(hva, 1));
    ok(vmm.region(1, LOG_DIRTY | Vmm.READONLY, BASE, M, hva));
    assertThat(vmm.guestReads(BASE)).isEqualTo(1);
    ok(vmm.tryWrite(BASE, 2));
    vmm.assertMmio(BASE, true);
    assertThat(dirty()).isEmpty();
  }

  @Test
  void aMovedSlotKeepsItsLog() {
    long hva = logged(M);
    vmm.guestWrites(BASE + 2 * P, 1);
    ok(vmm.region(1, LOG_DIRTY, BASE + M, M, hva));
    assertThat(dirty()).containsExactly(2L);
  }

  @Test
  void switchingLoggingOffAndOnStartsAFreshLog() {
    long hva = logged(M);
    vmm.guestWrites(BASE, 1);
    ok(vmm.region(1, 0, BASE, M, hva));
    ok(vmm.region(1, LOG_DIRTY, BASE, M, hva));
    assertThat(dirty()).isEmpty();
    vmm.guestWrites(BASE, 2);
    assertThat(dirty()).containsExactly(0L);
  }

  @Test
  void manualProtectionLeavesClearingToUserspace() {
    ok(process.enableCap(vmm.vm, MANUAL, 0, 1));
    logged(M);
    vmm.guestWrites(BASE, 1);
    vmm.guestWrites(BASE + 65 * P, 1);
    assertThat(dirty()).containsExactly(0L, 65L);
    assertThat(dirty()).as("reading clears nothing").containsExactly(0L, 65L);
    ok(clear(64, 64, 2));
    assertThat(dirty()).containsExactly(0L);
    vmm.guestWrites(BASE + 65 * P, 2);
    assertThat(dirty()).containsExactly(0L, 65L);
    ok(clear(0, 512, -1L, -1L));
    assertThat(dirty()).isEmpty();
  }

  @Test
  void initiallySetLogsEverythingAndCutsHugePagesWhenCleared() {
    ok(process.enableCap(vmm.vm, MANUAL, 0, 3));
    long hva = vmm.hugetlb(2 * M);
    vmm.slot(1, BASE, 2 * M, hva);
    vmm.guestWrites(BASE, 1);
    vmm.guestWrites(BASE + M, 1);
    ok(vmm.region(1, LOG_DIRTY, BASE, 2 * M, hva));
    assertThat(process.stats(vmm.vm).pages2m()).as("nothing is cut yet").isEqualTo(2);
    assertThat(dirty()).hasSize(1024);
    vmm.guestWrites(BASE + P, 1);
    ok(clear(0, 64, -1L));
    assertThat(process.stats(vmm.vm).pages2m()).isEqualTo(1);
    assertThat(dirty()).hasSize(960).doesNotContain(1L);
    vmm.guestWrites(BASE + P, 1);
    assertThat(dirty()).hasSize(961).contains(1L);
  }

  @ParameterizedTest
  @ValueSource(longs = {2, 4, 6, 1L << 32})
  void initiallySetNeedsManualProtection(long options) {
    fails(process.enableCap(vmm.vm, MANUAL, 0, options), Errno.EINVAL);
    fails(process.enableCap(vmm.vm, MANUAL, 1, 1), Errno.EINVAL);
  }

  @Test
  void theLastWordOfASlotHoldsOnlyItsPages() {
    ok(process.enableCap(vmm.vm, MANUAL, 0, 3));
    logged(70 * P);
    assertThat(dirty()).hasSize(70).doesNotContain(70L);
    ok(clear(64, 6, -1L));
    assertThat(dirty()).hasSize(64);
  }

  @Test
  void getAndClearAreJudgedInTheKernelsOrder() {
    logged(70 * P);
    // Slot and address space, alignment, then whether there is a log, then the range.
    for (long slot : new long[] {32764, 0xffff, 0x20001}) {
      fails(process.getDirtyLog(vmm.vm, slot, _ -> Errno.OK), Errno.EINVAL);
      fails(process.clearDirtyLog(vmm.vm, slot, 0, 64, _ -> Errno.OK), Errno.EINVAL);
    }
    fails(process.clearDirtyLog(vmm.vm, 7, 1, 64, _ -> Errno.OK), Errno.EINVAL);
    fails(process.clearDirtyLog(vmm.vm, 7, 0, 64, _ -> Errno.OK), Errno.ENOENT);
    fails(process.getDirtyLog(vmm.vm, 7, _ -> Errno.OK), Errno.ENOENT);
    fails(process.getDirtyLog(vmm.vm, 0, _ -> Errno.OK), Errno.ENOENT);
    fails(process.getDirtyLog(vmm.vm, 0x10001, _ -> Errno.OK), Errno.ENOENT);
    fails(clear(128, 1), Errno.EINVAL);
    fails(clear(64, 7), Errno.EINVAL);
    fails(clear(0, 65), Errno.EINVAL);
    ok(clear(0, 70));
    ok(clear(64, 6));
    ok(clear(0, 0));
  }

  @Test
  void theBitmapIsUserMemory() {
    logged(M);
    vmm.guestWrites(BASE + 9 * P, 1);
    fails(process.getDirtyLog(vmm.vm, 1, GONE), Errno.EFAULT);
    assertThat(dirty()).as("the bits went with the failed copy").isEmpty();
    vmm.guestWrites(BASE + 9 * P, 1);
    long bitmap = vmm.anonymous(P);
    ok(process.getDirtyLog(vmm.vm, 1, bitmap));
    assertThat(process.hostRead(bitmap + 1)).isEqualTo(2);
    vmm.guestWrites(BASE + 9 * P, 1);
    fails(process.clearDirtyLog(vmm.vm, 1, 0, 64, GONE), Errno.EFAULT);
    ok(process.clearDirtyLog(vmm.vm, 1, 0, 64, bitmap));
    assertThat(dirty()).isEmpty();
  }

  @Test
  void privateMemoryCannotBeLogged() {
    Vmm sw = Vmm.of(Vmm.SW_PROTECTED);
    long hva = sw.anonymous(M);
    int f = sw.gmem(M, 0);
    fails(sw.region(1, LOG_DIRTY | Vmm.GUEST_MEMFD, BASE, M, hva, f, 0), Errno.EINVAL);
    ok(sw.region(1, LOG_DIRTY, BASE, M, hva));
    sw.guestWrites(BASE, 1);
    ok(sw.process.getDirtyLog(sw.vm, 1, words -> words[0] == 1 ? Errno.OK : Errno.EFAULT));
  }

  @Test
  void aVcpuDoesNotWriteThroughAStaleTranslation() {
    logged(M);
    vmm.guestWrites(BASE, 1);
    vmm.guestWrites(BASE, 2);
    assertThat(dirty()).containsExactly(0L);
    vmm.guestWrites(BASE, 3);
    assertThat(dirty()).as("the clear flushed the vCPU").containsExactly(0L);
  }
}
