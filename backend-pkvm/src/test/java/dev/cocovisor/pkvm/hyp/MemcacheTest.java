package dev.cocovisor.pkvm.hyp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A stack of pages as deep as anybody fills it ({@code asm/kvm_host.h}, push_hyp_memcache). */
class MemcacheTest {
  @Test
  void whatWasAddedLastComesFirstHoweverMuchThereIs() {
    Memcache cache = new Memcache();
    List<Long> wanted = new ArrayList<>();
    for (long pfn = 1; pfn <= 100; pfn++) {
      cache.push(pfn);
      wanted.addFirst(pfn);
      assertThat(cache.size()).isEqualTo((int) pfn);
    }
    List<Long> named = new ArrayList<>();
    cache.forEach(named::add);
    assertThat(named).isEqualTo(wanted);
    for (long pfn : wanted) {
      assertThat(cache.pop()).isEqualTo(pfn);
    }
    assertThat(cache.pop()).isEqualTo(Memcache.EMPTY);
    assertThat(cache.popAddress()).isEqualTo(Memcache.EMPTY);
  }

  @Test
  void anAddressInsideAPageIsKeptAndNamesItsPage() {
    Memcache cache = new Memcache();
    cache.pushAddress(0x5123);
    cache.forEach(pfn -> assertThat(pfn).isEqualTo(5));
    assertThat(cache.popAddress()).isEqualTo(0x5123);
  }
}
