package dev.cocovisor.core.mm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.mem.PhysicalHost;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class AddressSpaceTest {
  private static final long HUGE = 2L << 20;

  private final PhysicalHost host = new PhysicalHost(1 << 18);
  private final AddressSpace space = new AddressSpace(host);
  private final List<String> told = new ArrayList<>();

  private enum Kind {
    ANONYMOUS,
    HUGETLB,
    FILE
  }

  private long map(Kind kind, long addr, long len) {
    return map(space, kind, addr, len, 3, addr != 0, false, null, 0);
  }

  private static long map(
      AddressSpace s,
      Kind kind,
      long addr,
      long len,
      int prot,
      boolean fixed,
      boolean noReplace,
      MemFd file,
      long page) {
    var wish = new MappingCalls.Wish(addr, len, prot, fixed, noReplace, false);
    return new MappingCalls(s).map(wish, kind == Kind.HUGETLB, kind == Kind.FILE, file, page);
  }

  private Errno unmap(long addr, long len) {
    return new MappingCalls(space).munmap(addr, len);
  }

  private Errno dontNeed(long addr, long len) {
    return new Advice(space).madvise(addr, len, 4);
  }

  private void listen() {
    space.register(
        new MmuNotifier() {
          @Override
          public void invalidateRangeStart(long start, long end) {
            told.add("start " + (end - start));
          }

          @Override
          public void invalidateRangeEnd(long start, long end) {
            told.add("end " + (end - start));
          }
        });
  }

  @Test
  void aReadMapsThePageOfZerosAndTheWriteAfterItTellsTheNotifiers() {
    long a = map(Kind.ANONYMOUS, 0, 0x10000);
    listen();
    long read = space.fault(a, false);
    assertThat(AddressSpace.frameOf(read)).isEqualTo(host.zeroPage());
    assertThat(AddressSpace.isWritable(read)).isFalse();
    assertThat(told).isEmpty();
    long write = space.fault(a, true);
    assertThat(AddressSpace.frameOf(write)).isNotEqualTo(host.zeroPage());
    assertThat(told).containsExactly("start 4096", "end 4096");
    assertThat(space.fault(a + 0x1000, true)).isPositive();
    assertThat(told).hasSize(2);
  }

  @Test
  void aHugePageReadFirstBecomesWritableInPlace() {
    long a = map(Kind.HUGETLB, 0, HUGE);
    listen();
    long read = space.fault(a + 0x5000, false);
    assertThat(AddressSpace.isWritable(read)).isFalse();
    long write = space.fault(a, true);
    assertThat(AddressSpace.frameOf(write) + 5).isEqualTo(AddressSpace.frameOf(read));
    assertThat(told).isEmpty();
    assertThat(space.mappingShift(a)).isEqualTo(21);
    assertThat(dontNeed(a + 4096, HUGE - 4096)).isEqualTo(Errno.EINVAL);
    assertThat(dontNeed(a, HUGE)).isEqualTo(Errno.OK);
    assertThat(space.mappingShift(a)).isEqualTo(12);
    assertThat(unmap(a, 4096)).isEqualTo(Errno.EINVAL);
  }

  @Test
  void partialUnmapKeepsBothRests() {
    long a = map(Kind.ANONYMOUS, 0, 0x5000);
    for (int i = 0; i < 5; i++) {
      assertThat(space.fault(a + i * 0x1000L, true)).isPositive();
    }
    long last = space.peek(a + 0x4000);
    assertThat(unmap(a + 0x1000, 0x2000)).isEqualTo(Errno.OK);
    assertThat(space.fault(a + 0x1000, false)).isEqualTo(AddressSpace.SEGV);
    assertThat(space.peek(a + 0x4000)).isEqualTo(last);
    assertThat(space.checkMapped(a, 0x5000)).isEqualTo(Errno.ENOMEM);
    assertThat(dontNeed(a, 0x5000)).isEqualTo(Errno.ENOMEM);
    space.clear();
    assertThat(host.allocatedFrames()).isEqualTo(1);
  }

  @Test
  void placesAreChosenTakenAndRefused() {
    long a = map(Kind.ANONYMOUS, 0x10000, 0x2000);
    assertThat(a).isEqualTo(0x10000);
    assertThat(map(space, Kind.ANONYMOUS, 0x11000, 0x1000, 3, true, true, null, 0))
        .isEqualTo(-Errno.EEXIST.number());
    assertThat(map(Kind.ANONYMOUS, 0x11000, 0x1000)).isEqualTo(0x11000);
    long hint = map(space, Kind.ANONYMOUS, 0x10000, 1, 3, false, false, null, 0);
    assertThat(hint).isNotEqualTo(0x10000);
    assertThat(map(Kind.ANONYMOUS, 0x10001, 1)).isEqualTo(-Errno.EINVAL.number());
    assertThat(map(Kind.ANONYMOUS, 1L << 60, 4096)).isEqualTo(-Errno.ENOMEM.number());
    assertThat(unmap(1, 1)).isEqualTo(Errno.EINVAL);
    assertThat(space.accessOk(-1, 1)).isFalse();
  }

  @Test
  void aReadOnlyMappingFaultsOnStores() {
    long a = map(space, Kind.ANONYMOUS, 0, 4096, 1, false, false, null, 0);
    assertThat(space.fault(a, false)).isPositive();
    assertThat(space.fault(a, true)).isEqualTo(AddressSpace.SEGV);
  }

  @Test
  void aPinKeepsTheFrameAfterItsMappingIsGone() {
    long a = map(Kind.ANONYMOUS, 0, 4096);
    long pfn = space.pin(a);
    assertThat(space.pin(a)).isEqualTo(pfn);
    assertThat(unmap(a, 4096)).isEqualTo(Errno.OK);
    assertThat(host.allocatedFrames()).isEqualTo(2);
    space.unpin(pfn);
    space.unpin(pfn);
    assertThat(host.allocatedFrames()).isEqualTo(1);
    assertThatThrownBy(() -> space.unpin(pfn)).isInstanceOf(IllegalStateException.class);
    assertThat(space.pin(a)).isEqualTo(AddressSpace.SEGV);
  }

  @Test
  void aMemfdIsSharedByItsMappingsAndFreedWithTheLast() {
    MemFd file = new MemFd(host, 0x2000);
    long a = map(space, Kind.FILE, 0, 0x3000, 3, false, false, file, 0);
    long b = map(space, Kind.FILE, 0, 0x1000, 3, false, false, file, 1);
    assertThat(space.fault(a + 0x1000, true)).isEqualTo(space.fault(b, false));
    assertThat(space.fault(a + 0x2000, false)).isEqualTo(AddressSpace.BUS);
    file.release();
    assertThat(unmap(a, 0x3000)).isEqualTo(Errno.OK);
    assertThat(host.allocatedFrames()).isEqualTo(2);
    assertThat(unmap(b, 0x1000)).isEqualTo(Errno.OK);
    assertThat(host.allocatedFrames()).isEqualTo(1);
  }

  @Test
  void memoryThatRunsOutIsABusError() {
    PhysicalHost small = new PhysicalHost(4);
    AddressSpace s = new AddressSpace(small);
    long a = map(s, Kind.ANONYMOUS, 0, 0x10000, 3, false, false, null, 0);
    for (int i = 0; i < 3; i++) {
      assertThat(s.fault(a + i * 0x1000L, true)).isPositive();
    }
    assertThat(s.fault(a + 0x5000, true)).isEqualTo(AddressSpace.BUS);
    long h = map(s, Kind.HUGETLB, 0, HUGE, 3, false, false, null, 0);
    assertThat(s.fault(h, true)).isEqualTo(AddressSpace.BUS);
  }
}
