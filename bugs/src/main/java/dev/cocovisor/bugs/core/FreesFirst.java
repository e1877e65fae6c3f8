package dev.cocovisor.bugs.core;

import dev.cocovisor.api.Errno;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.gmem.Binding;
import dev.cocovisor.core.gmem.BindingOwner;
import dev.cocovisor.core.gmem.ForwardingBindingOwner;
import dev.cocovisor.core.gmem.GmemFile;
import dev.cocovisor.core.gmem.PageFilter;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A hole frees the pages before it takes them out of the guest. */
public final class FreesFirst extends Bug {
  /** Creates the bug. */
  public FreesFirst() {
    super(
        "frees-first",
        Area.INVALIDATION,
        "sw-protected",
        "virt/kvm/guest_memfd.c, kvm_gmem_punch_hole",
        "A hole frees the pages before it takes them out of the guest.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.withGuestMemfd(r -> GmemFile.create(r.withOwner(new ToldLate(r.owner()))));
  }

  /** Is told of the begin of an invalidation when it ends. */
  private static final class ToldLate extends ForwardingBindingOwner {
    private @Nullable Runnable begin;

    ToldLate(BindingOwner delegate) {
      super(delegate);
    }

    @Override
    public Errno gmemInvalidateBegin(
        List<? extends Binding> bound, long startPage, long endPage, PageFilter filter) {
      begin =
          () -> {
            var _ = super.gmemInvalidateBegin(bound, startPage, endPage, filter);
          };
      return Errno.OK;
    }

    @Override
    public void gmemInvalidateEnd() {
      Runnable first = begin;
      if (first != null) {
        begin = null;
        first.run();
      }
      super.gmemInvalidateEnd();
    }
  }
}
