package dev.cocovisor.core.mem;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.mem.PhysicalMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class HostMemoryTest {
  @Test
  void allocatedBlocksAreAlignedDisjointAndAllComeBack() {
    for (long seed = 1; seed <= 10; seed++) {
      Random random = new Random(seed);
      PhysicalHost host = new PhysicalHost(3 << 18);
      TreeMap<Long, Integer> live = new TreeMap<>();
      for (int step = 0; step < 2000; step++) {
        if (random.nextInt(5) < 3) {
          int order = random.nextInt(10) == 0 ? 9 : random.nextInt(3);
          long pfn = host.allocate(order, random.nextInt(3));
          assertThat(pfn & ((1L << order) - 1)).isZero();
          var below = live.floorEntry(pfn);
          assertThat(below == null || below.getKey() + (1L << below.getValue()) <= pfn)
              .as("seed %d step %d", seed, step)
              .isTrue();
          var above = live.ceilingEntry(pfn);
          assertThat(above == null || above.getKey() >= pfn + (1L << order)).isTrue();
          live.put(pfn, order);
        } else if (!live.isEmpty()) {
          var e = live.pollFirstEntry();
          host.free(e.getKey(), e.getValue());
        }
        long frames = live.values().stream().mapToLong(o -> 1L << o).sum();
        assertThat(host.allocatedFrames()).isEqualTo(frames + 1);
      }
      live.forEach(host::free);
      assertThat(host.allocatedFrames()).isEqualTo(1);
      assertThat(host.allocate(18)).isNotEqualTo(HostMemory.NO_FRAME);
      assertThat(host.allocate(18)).isNotEqualTo(HostMemory.NO_FRAME);
    }
  }

  @Test
  void freedHalvesMergeIntoTheBlockTheyCameFrom() {
    PhysicalHost host = new PhysicalHost(1 << 18);
    List<Long> pages = new ArrayList<>();
    long pfn;
    while ((pfn = host.allocate(9)) != HostMemory.NO_FRAME) {
      pages.add(pfn);
    }
    assertThat(pages).hasSize(511);
    pages.forEach(p -> host.free(p, 9));
    assertThat(host.allocate(17)).isEqualTo(1 << 17);
  }

  @Test
  void memoryRunsOutAndOtherCpusCachesAreTheLastResort() {
    PhysicalHost host = new PhysicalHost(64);
    assertThat(host.allocate(0, 1)).isNotNegative();
    int got = 1;
    while (host.allocate(0, 2) != HostMemory.NO_FRAME) {
      got++;
    }
    assertThat(got).isEqualTo(63);
    assertThat(host.allocate(9)).isEqualTo(HostMemory.NO_FRAME);
    assertThatThrownBy(() -> host.free(1, 1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void contentIsLazyAndReadsAsZero() {
    PhysicalMemory raw = new PhysicalHost(1 << 18).raw();
    byte[] data = new byte[5000];
    new Random(1).nextBytes(data);
    raw.write(4090, data, 0, data.length);
    byte[] back = new byte[5000];
    raw.read(4090, back, 0, back.length);
    assertThat(back).isEqualTo(data);
    assertThat(raw.readByte(4089)).isZero();
    raw.writeLong(0x9000, 0x1122334455667788L);
    assertThat(raw.readLong(0x9000)).isEqualTo(0x1122334455667788L);
    assertThat(raw.readByte(0x9000)).isEqualTo(0x88);
    raw.copyFrame(20, 9);
    assertThat(raw.readLong(20 << 12)).isEqualTo(0x1122334455667788L);
    raw.zero(0, 1 << 18);
    assertThat(raw.isZero(9)).isTrue();
    raw.copyFrame(20, 9);
    assertThat(raw.isZero(20)).isTrue();
    raw.writeByte(1 << 13, 0);
    assertThat(raw.readLong(1 << 13)).isZero();
    raw.writeByte(1 << 13, 7);
    assertThat(raw.isZero(2)).isFalse();
  }

  @Test
  void theSeverestGuardDecides() {
    PhysicalHost host = new PhysicalHost(1 << 18);
    byte[] b = {1, 2, 3};
    assertThat(host.write(Accessor.HOST_KERNEL, 0x5000, b, 0, 3)).isEqualTo(Errno.OK);
    PhysicalGuard cipher = (who, pfn, write) -> PhysicalGuard.Verdict.CIPHER;
    host.addGuard(cipher);
    byte[] seen = new byte[3];
    assertThat(host.read(Accessor.HOST_USER, 0x5000, seen, 0, 3)).isEqualTo(Errno.OK);
    assertThat(seen).isNotEqualTo(b);
    byte[] again = new byte[3];
    host.read(Accessor.HOST_USER, 0x5000, again, 0, 3);
    assertThat(again).isEqualTo(seen);
    assertThat(host.readByte(Accessor.HOST_USER, 0x5000)).isEqualTo(seen[0] & 0xff);
    PhysicalGuard fault =
        (who, pfn, write) -> write ? PhysicalGuard.Verdict.FAULT : PhysicalGuard.Verdict.POISON;
    host.addGuard(fault);
    assertThat(host.check(Accessor.DEVICE, 5, false)).isEqualTo(PhysicalGuard.Verdict.POISON);
    assertThat(host.write(Accessor.HOST_USER, 0x5000, b, 0, 3)).isEqualTo(Errno.EFAULT);
    assertThat(host.writeByte(Accessor.HOST_USER, 0x5000, 1)).isFalse();
    host.removeGuard(cipher);
    host.removeGuard(fault);
    host.addGuard((who, pfn, write) -> PhysicalGuard.Verdict.FAULT);
    assertThat(host.read(Accessor.HOST_USER, 0x5000, seen, 0, 3)).isEqualTo(Errno.EFAULT);
    assertThat(host.readByte(Accessor.HOST_USER, 0x5000)).isEqualTo(-1);
  }

  @Test
  void theDirectMapSplitsAndLosesPagesForTheKernelOnly() {
    PhysicalHost host = new PhysicalHost(1 << 18);
    var map = host.directMap();
    map.split(512, 1);
    map.split(600, 1);
    assertThat(map.splitRegions()).isEqualTo(1);
    assertThat(map.isSplit(1023)).isTrue();
    assertThat(map.isSplit(1024)).isFalse();
    map.setPresent(1030, 1, false);
    assertThat(map.isSplit(1024)).isTrue();
    map.setPresent(2048, 512, false);
    assertThat(map.isSplit(2048)).isFalse();
    assertThat(map.isPresent(2100)).isFalse();
    byte[] b = new byte[1];
    assertThat(host.read(Accessor.HOST_KERNEL, 2100L << 12, b, 0, 1)).isEqualTo(Errno.EFAULT);
    assertThat(host.write(Accessor.HOST_KERNEL, 2100L << 12, b, 0, 1)).isEqualTo(Errno.EFAULT);
    assertThat(host.read(Accessor.HOST_USER, 2100L << 12, b, 0, 1)).isEqualTo(Errno.OK);
    map.setPresent(2048, 512, true);
    assertThat(map.isPresent(2100)).isTrue();
  }

  @Test
  void theRadixAgreesWithATreeMap() {
    Random random = new Random(3);
    LongRadix radix = new LongRadix();
    TreeMap<Long, Long> naive = new TreeMap<>();
    for (int i = 0; i < 5000; i++) {
      long key = random.nextLong() >>> (12 + random.nextInt(50));
      if (random.nextInt(4) == 0) {
        radix.set(key, 0);
        naive.remove(key);
      } else {
        radix.set(key, key + 1);
        naive.put(key, key + 1);
      }
      long probe = random.nextLong() >>> (12 + random.nextInt(50));
      assertThat(radix.get(probe)).isEqualTo(naive.getOrDefault(probe, 0L));
      Long next = naive.ceilingKey(probe);
      assertThat(radix.next(probe, Long.MAX_VALUE)).isEqualTo(next == null ? -1 : next);
      assertThat(radix.next(probe, probe + 1)).isEqualTo(naive.containsKey(probe) ? probe : -1);
    }
    assertThat(radix.compareAndSet(1, radix.get(1), 5)).isTrue();
    assertThat(radix.compareAndSet(1, 4, 6)).isFalse();
  }
}
