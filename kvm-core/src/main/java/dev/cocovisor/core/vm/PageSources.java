package dev.cocovisor.core.vm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.slot.MemSlot;

/** Which {@link PageSource} serves which access of a VM. */
final class PageSources {
  private final PageSource gmem;
  private final PageSource user;
  private final PageSource priv;

  PageSources(Vm vm) {
    this.gmem = new GmemPages(vm);
    this.user = new MappedPages(vm, vm.host().architecture().equals(Architecture.ARM64));
    this.priv =
        switch (vm.traits().privateSource()) {
          case GUEST_MEMFD -> gmem;
          case USER_MEMORY -> new PinnedPages(vm);
        };
  }

  /** Returns what serves accesses to a slot's private or shared memory. */
  PageSource of(MemSlot slot, boolean isPrivate) {
    return isPrivate ? priv : slot.isGmemOnly() ? gmem : user;
  }

  /** Returns the roots whose leaves go with the VMM's mappings. */
  int followingUserMappings() {
    return priv.followsUserMapping() ? SecondStage.BOTH : SecondStage.DIRECT;
  }
}
