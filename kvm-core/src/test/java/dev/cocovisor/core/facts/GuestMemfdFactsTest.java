package dev.cocovisor.core.facts;

import static dev.cocovisor.core.facts.Vmm.GUEST_MEMFD;
import static dev.cocovisor.core.facts.Vmm.INIT_SHARED;
import static dev.cocovisor.core.facts.Vmm.KEEP_SIZE;
import static dev.cocovisor.core.facts.Vmm.M;
import static dev.cocovisor.core.facts.Vmm.MAP_PRIVATE;
import static dev.cocovisor.core.facts.Vmm.MAP_SHARED;
import static dev.cocovisor.core.facts.Vmm.MMAP;
import static dev.cocovisor.core.facts.Vmm.P;
import static dev.cocovisor.core.facts.Vmm.PUNCH;
import static dev.cocovisor.core.facts.Vmm.fails;
import static dev.cocovisor.core.facts.Vmm.fd;
import static dev.cocovisor.core.facts.Vmm.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.MempolicyAnswer;
import dev.cocovisor.core.mem.MemoryPolicy;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** The rows of facts §3.1 (guest_memfd_test). */
class GuestMemfdFactsTest {
  private static final long TOTAL = 4 * P;
  private static final int MPOL_F_NODE = 1;
  private static final int MPOL_F_ADDR = 2;
  private static final int MADV_DONTNEED = 4;
  private static final int MADV_HUGEPAGE = 14;
  private static final int MADV_COLLAPSE = 25;

  private final Vmm vmm = Vmm.of(Vmm.SW_PROTECTED);
  private final KvmProcess process = vmm.process;

  @Test
  void g1_sizesThatAreNoWholePagesAreInvalid() {
    for (long size = 0; size < P; size++) {
      fails(process.createGuestMemfd(vmm.vm, size, 0), Errno.EINVAL);
    }
  }

  @Test
  void g2_onlyTheAdvertisedFlagsAreTaken() {
    Vmm shared = Vmm.of(Vmm.DEFAULT);
    for (int bit = 0; bit < 64; bit++) {
      long result = shared.process.createGuestMemfd(shared.vm, P, 1L << bit);
      if (bit < 2) {
        assertThat(result).as("bit %d", bit).isPositive();
      } else {
        assertThat(result).as("bit %d", bit).isEqualTo(-Errno.EINVAL.number());
      }
    }
  }

  @Test
  void g3_twoFilesAreIndependent() {
    int one = vmm.gmem(P, 0);
    int two = vmm.gmem(2 * P, 0);
    assertThat(vmm.stat(one).size()).isEqualTo(P);
    assertThat(vmm.stat(two).size()).isEqualTo(2 * P);
    assertThat(vmm.stat(one).inode()).isNotEqualTo(vmm.stat(two).inode());
  }

  @Test
  void g4_readAndWriteFail() {
    int f = vmm.gmem(TOTAL, 0);
    assertThat(process.read(f, 16, _ -> {})).isNegative();
    assertThat(process.write(f, 16)).isNegative();
    assertThat(process.pread(f, 16, 0, _ -> {})).isNegative();
    assertThat(process.pwrite(f, 16, 0)).isNegative();
  }

  @Test
  void g5_mmapWithoutTheFlagIsNoDevice() {
    int f = vmm.gmem(TOTAL, 0);
    fails(vmm.mapFile(P, MAP_SHARED, f), Errno.ENODEV);
    fails(vmm.mapFile(TOTAL, MAP_SHARED, f), Errno.ENODEV);
  }

  @Test
  void g6_fstatTellsSizeAndBlockSize() {
    int f = vmm.gmem(TOTAL, 0);
    assertThat(vmm.stat(f).size()).isEqualTo(TOTAL);
    assertThat(vmm.stat(f).blksize()).isEqualTo(P);
  }

  @Test
  void g7_theWholeFileCanBeAllocated() {
    int f = vmm.gmem(TOTAL, 0);
    ok(process.fallocate(f, KEEP_SIZE, 0, TOTAL));
  }

  @Test
  void g8_unalignedPunchesFail() {
    int f = vmm.gmem(TOTAL, 0);
    assertThat(process.fallocate(f, PUNCH, P - 1, P)).isNegative();
    assertThat(process.fallocate(f, PUNCH, P, P - 1)).isNegative();
  }

  @Test
  void g9_allocatingBehindTheEndFails() {
    int f = vmm.gmem(TOTAL, 0);
    assertThat(process.fallocate(f, KEEP_SIZE, TOTAL, P)).isNegative();
    assertThat(process.fallocate(f, KEEP_SIZE, TOTAL + P, P)).isNegative();
  }

  @Test
  void g10_punchingBehindTheEndIsAllowed() {
    int f = vmm.gmem(TOTAL, 0);
    ok(process.fallocate(f, PUNCH, TOTAL, P));
    ok(process.fallocate(f, PUNCH, TOTAL + P, P));
  }

  @Test
  void g11_aPunchedPageCanBeAllocatedAgain() {
    int f = vmm.gmem(TOTAL, 0);
    ok(process.fallocate(f, PUNCH, P, P));
    ok(process.fallocate(f, KEEP_SIZE, P, P));
  }

  @Test
  void g12_everyUnalignedPunchIsInvalid() {
    int f = vmm.gmem(TOTAL, 0);
    for (long off : new long[] {0, 1, P}) {
      for (long len : new long[] {1, P - 1, P, P + 1}) {
        if (off % P != 0 || len % P != 0) {
          fails(process.fallocate(f, PUNCH, off, len), Errno.EINVAL);
        }
      }
    }
  }

  @Test
  void g13_punchingAMappedPageZeroesOnlyIt() {
    Vmm shared = Vmm.of(Vmm.DEFAULT);
    int f = shared.gmem(TOTAL, MMAP | INIT_SHARED);
    long map = shared.mapFile(TOTAL, MAP_SHARED, f);
    for (long o = 0; o < TOTAL; o += P) {
      ok(shared.process.hostWrite(map + o, 0xaa));
    }
    ok(shared.process.fallocate(f, PUNCH, 0, P));
    assertThat(shared.process.hostRead(map)).isZero();
    for (long o = P; o < TOTAL; o += P) {
      assertThat(shared.process.hostRead(map + o)).isEqualTo(0xaa);
    }
    ok(shared.process.hostWrite(map, 0x55));
    assertThat(shared.process.hostRead(map)).isEqualTo(0x55);
  }

  @Test
  void g14_aPrivateMappingIsInvalid() {
    Vmm shared = Vmm.of(Vmm.DEFAULT);
    int f = shared.gmem(TOTAL, MMAP | INIT_SHARED);
    fails(shared.mapFile(TOTAL, MAP_PRIVATE, f), Errno.EINVAL);
  }

  @Test
  void g15_touchingBehindTheEndIsABusError() {
    Vmm shared = Vmm.of(Vmm.DEFAULT);
    int f = shared.gmem(TOTAL, MMAP | INIT_SHARED);
    long map = shared.mapFile(4 * TOTAL, MAP_SHARED, f);
    ok(shared.process.hostWrite(map + TOTAL - 1, 0x77));
    assertThat(shared.process.hostRead(map + TOTAL)).isEqualTo(KvmProcess.SIGBUS);
    assertThat(shared.process.hostWrite(map + TOTAL, 1)).isEqualTo(KvmProcess.SIGBUS);
    assertThat(shared.process.hostRead(map + TOTAL - 1)).isEqualTo(0x77);
  }

  @Test
  void g16_touchingPrivateMemoryIsABusError() {
    int f = vmm.gmem(TOTAL, MMAP);
    long map = vmm.mapFile(TOTAL, MAP_SHARED, f);
    for (long o = 0; o < TOTAL; o += P) {
      assertThat(process.hostRead(map + o)).isEqualTo(KvmProcess.SIGBUS);
      assertThat(process.hostWrite(map + o, 1)).isEqualTo(KvmProcess.SIGBUS);
    }
  }

  @Test
  void g17_madviseNeverCollapsesAndDontneedKeepsTheFile() {
    Vmm shared = Vmm.of(Vmm.DEFAULT);
    int f = shared.gmem(M, MMAP | INIT_SHARED);
    long map = shared.mapFile(M, MAP_SHARED, f);
    ok(shared.process.hostWrite(map, 0x11));
    ok(shared.process.madvise(map, M, MADV_HUGEPAGE));
    fails(shared.process.madvise(map, M, MADV_COLLAPSE), Errno.EINVAL);
    ok(shared.process.madvise(map, M, MADV_DONTNEED));
    assertThat(shared.process.hostRead(map)).isEqualTo(0x11);
  }

  /** A host with two memory nodes and a mapped file of four pages. */
  private static Vmm twoNodes() {
    return Vmm.on(HostConfig.DEFAULT.withSetting("core.nodes", "2"), Vmm.DEFAULT);
  }

  private static long[] policy(Vmm on, long addr) {
    var answer = new MempolicyAnswer();
    ok(on.process.getMempolicy(answer, 64, addr, MPOL_F_ADDR));
    return new long[] {answer.mode(), answer.nodes()};
  }

  private static long node(Vmm on, long addr) {
    var answer = new MempolicyAnswer();
    ok(on.process.getMempolicy(answer, 64, addr, MPOL_F_NODE | MPOL_F_ADDR));
    return answer.mode();
  }

  @Test
  void g18_aPolicyIsReadBackAndAnUnknownOneIsInvalid() {
    Vmm two = twoNodes();
    int f = two.gmem(TOTAL, MMAP | INIT_SHARED);
    long map = two.mapFile(TOTAL, MAP_SHARED, f);
    ok(two.process.mbind(map, 2 * P, MemoryPolicy.INTERLEAVE, 1, 64, 0));
    assertThat(policy(two, map)).containsExactly(MemoryPolicy.INTERLEAVE, 1);
    ok(two.process.mbind(map + 2 * P, 2 * P, MemoryPolicy.BIND, 1, 64, 0));
    assertThat(policy(two, map + 2 * P)).containsExactly(MemoryPolicy.BIND, 1);
    assertThat(policy(two, map + P)).containsExactly(MemoryPolicy.INTERLEAVE, 1);
    long again = two.mapFile(TOTAL, MAP_SHARED, f);
    assertThat(policy(two, again)).as("it is the file's").containsExactly(3, 1);
    ok(two.process.mbind(map, TOTAL, MemoryPolicy.DEFAULT, 0, 0, 0));
    assertThat(policy(two, map)).containsExactly(MemoryPolicy.DEFAULT, 0);
    fails(two.process.mbind(map, P, 999, 1, 64, 0), Errno.EINVAL);
  }

  @Test
  void g19_pagesLandOnTheNodesAskedForBeforeTheyAreAllocated() {
    Vmm two = twoNodes();
    int f = two.gmem(TOTAL, MMAP | INIT_SHARED);
    long map = two.mapFile(TOTAL, MAP_SHARED, f);
    ok(two.process.hostWrite(map, 0xaa));
    assertThat(node(two, map)).isZero();
    ok(two.process.mbind(map, P, MemoryPolicy.BIND, 2, 64, 0));
    assertThat(node(two, map)).as("a page that exists stays").isZero();
    ok(two.process.fallocate(f, PUNCH, 0, TOTAL));
    ok(two.process.mbind(map, 2 * P, MemoryPolicy.BIND, 2, 64, 0));
    ok(two.process.mbind(map + 2 * P, 2 * P, MemoryPolicy.BIND, 1, 64, 0));
    ok(two.process.fallocate(f, KEEP_SIZE, 0, TOTAL));
    assertThat(nodes(two, map)).containsExactly(1, 1, 0, 0);
    ok(two.process.fallocate(f, PUNCH, 0, TOTAL));
    ok(two.process.mbind(map, 2 * P, MemoryPolicy.BIND, 1, 64, 0));
    ok(two.process.mbind(map + 2 * P, 2 * P, MemoryPolicy.BIND, 2, 64, 0));
    // The guest's faults obey the file's policy as well.
    ok(two.region(1, GUEST_MEMFD, Vmm.BASE, TOTAL, map, f, 0));
    for (long o = 0; o < TOTAL; o += P) {
      two.guestWrites(Vmm.BASE + o, 1);
    }
    assertThat(nodes(two, map)).containsExactly(0, 0, 1, 1);
  }

  private static long[] nodes(Vmm on, long map) {
    return LongStream.range(0, 4).map(i -> node(on, map + i * P)).toArray();
  }

  @Test
  void g20_hostAndGuestSeeEachOthersBytesInADefaultVm() {
    Vmm shared = Vmm.of(Vmm.DEFAULT);
    int f = shared.gmem(TOTAL, MMAP | INIT_SHARED);
    long map = shared.mapFile(TOTAL, MAP_SHARED, f);
    ok(shared.region(1, GUEST_MEMFD, Vmm.BASE, TOTAL, map, f, 0));
    ok(shared.process.hostWrite(map + P, 0xaa));
    assertThat(shared.guestReads(Vmm.BASE + P)).isEqualTo(0xaa);
    shared.guestWrites(Vmm.BASE + P, 0xff);
    long again = shared.mapFile(TOTAL, MAP_SHARED, f);
    assertThat(shared.process.hostRead(again + P)).isEqualTo(0xff);
  }

  @Test
  void closingTheFileTwiceIsABadDescriptor() {
    int f = fd(process.createGuestMemfd(vmm.vm, P, 0));
    ok(process.close(f));
    fails(process.close(f), Errno.EBADF);
  }
}
