package dev.cocovisor.core.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.mem.FrameAllocator;
import dev.cocovisor.core.mem.HugePool;
import dev.cocovisor.core.mem.PhysicalHost;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;

/** A process's memory on a host with eight pages set aside for hugetlb; all comes back. */
abstract class MmFixture {
  static final long BLOCK = 2L << 20;
  static final long AT = 0x7f40_0000_0000L;

  final PhysicalHost host =
      new PhysicalHost(FrameAllocator.buddy(1 << 18), new HugePool(8), 1 << 18);
  final AddressSpace space = new AddressSpace(host);
  final MappingCalls calls = new MappingCalls(space);
  final Advice advice = new Advice(space);
  final List<String> told = new ArrayList<>();

  @AfterEach
  void everyFrameComesBack() {
    space.clear();
    assertThat(host.allocatedFrames()).isEqualTo(1);
  }

  void map(long at, long size) {
    var wish = new MappingCalls.Wish(at, size, 3, true, true, false);
    assertThat(calls.map(wish, false, false, null, 0)).isEqualTo(at);
  }

  void listen() {
    told.clear();
    space.register(
        new MmuNotifier() {
          @Override
          public void invalidateRangeStart(long start, long end) {
            told.add(Long.toHexString(start - AT) + "-" + Long.toHexString(end - AT));
          }

          @Override
          public void invalidateRangeEnd(long start, long end) {}
        });
  }

  Errno madvise(long at, long len, int how) {
    return advice.madvise(at, len, how);
  }

  /** Maps a file, shared. */
  void mapFile(MemFd file, long at, long size) {
    var wish = new MappingCalls.Wish(at, size, 3, true, true, false);
    assertThat(calls.map(wish, file.isHugetlb(), true, file, 0)).isEqualTo(at);
  }

  /** Stores a byte as the process does; false where that faults. */
  boolean store(long at, int value) {
    long e = space.access(at, true);
    if (e >= 0) {
      host.raw().writeByte((AddressSpace.frameOf(e) << 12) + (at & 4095), value);
    }
    return e >= 0;
  }

  /** Loads a byte as the process does; -1 or -2 where that faults. */
  long load(long at) {
    long e = space.access(at, false);
    return e < 0 ? e : host.raw().readByte((AddressSpace.frameOf(e) << 12) + (at & 4095));
  }
}
