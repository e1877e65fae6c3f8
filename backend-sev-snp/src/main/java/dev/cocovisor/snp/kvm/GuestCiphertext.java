package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.snp.rmp.HostInstructions;

/**
 * Makes a guest's bytes stay what the host saw of them when the page stops being the guest's.
 *
 * <p>The model keeps a guest's page as the guest sees it; on hardware memory holds the ciphertext
 * all along, and taking the page back decrypts nothing. A page of zeros stays one: it tells nobody
 * anything, and filling it would cost a frame of the model's memory.
 */
final class GuestCiphertext implements HostInstructions.Content {
  private static final int SIZE = 4096;

  private final HostMemory memory;
  private final ConvertedPages converted;

  GuestCiphertext(HostMemory memory, ConvertedPages converted) {
    this.memory = memory;
    this.converted = converted;
  }

  @Override
  public void leavesGuest(long pfn, long frames) {
    var _ = seenOtherwise(pfn, frames);
  }

  @Override
  public boolean entersGuest(long pfn, long frames) {
    return converted == ConvertedPages.KEPT && seenOtherwise(pfn, frames);
  }

  /** One cipher both ways: what a key made of bytes, it makes those bytes of again. */
  private boolean seenOtherwise(long pfn, long frames) {
    boolean any = false;
    for (long p = pfn; p < pfn + frames; p++) {
      if (!memory.raw().isZero(p)) {
        any = true;
        byte[] seen = new byte[SIZE];
        var _ = memory.read(Accessor.HOST_USER, p << PAGE_SHIFT, seen, 0, SIZE);
        memory.raw().write(p << PAGE_SHIFT, seen, 0, SIZE);
      }
    }
    return any;
  }
}
