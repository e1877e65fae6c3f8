package dev.cocovisor.bugs.snp;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.entry.ContextBackend;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.mmu.TlbModel;
import java.util.HashMap;
import java.util.Map;
import java.util.function.UnaryOperator;

/** An entry into the guest that fails clears the flush of the TLB that it should have done. */
public final class M43 extends Bug {
  /** Creates the bug. */
  public M43() {
    super(
        "M43",
        Area.SNP,
        "sev-snp",
        "60d93c27859f",
        "An entry into the guest that fails clears the flush of the TLB that it should have done.");
  }

  /** The TLBs of a host, told when an entry failed. */
  private static final class Entries {
    private final Map<Integer, Deferred> tlbs = new HashMap<>();
    private final boolean clears;

    Entries(boolean clears) {
      this.clears = clears;
    }

    TlbModel tlb(int vm, int vcpu) {
      var tlb = new Deferred();
      tlbs.put(vm << 16 | vcpu, tlb);
      return tlb;
    }

    void ended(VcpuContext vcpu, boolean entered) {
      Deferred tlb = tlbs.get(vcpu.vm().id() << 16 | vcpu.id());
      if (tlb != null) {
        tlb.ended(entered, clears);
      }
    }
  }

  /** A TLB whose flush is done by the entry into the guest. */
  private static final class Deferred implements TlbModel {
    private final TlbModel inner = TlbModel.directMapped();
    private boolean pending;

    @Override
    public long find(long gfn, boolean isPrivate, boolean write) {
      return pending ? MISS : inner.find(gfn, isPrivate, write);
    }

    @Override
    public long fill(long gfn, boolean isPrivate, long pfn, int level, boolean writable) {
      return pending
          ? TlbModel.pack(pfn, level, writable)
          : inner.fill(gfn, isPrivate, pfn, level, writable);
    }

    @Override
    public void flush() {
      pending = true;
    }

    @Override
    public void visit(Visitor visitor) {
      if (!pending) {
        inner.visit(visitor);
      }
    }

    void ended(boolean entered, boolean clears) {
      if (pending && (entered || clears)) {
        pending = false;
        if (entered) {
          inner.flush();
        }
      }
    }
  }

  private Entries entries = new Entries(false);

  private TlbModel tlb(int vm, int vcpu) {
    return entries.tlb(vm, vcpu);
  }

  /** SVM asks for the flush in the VMCB, so that VMRUN does it. */
  @Override
  protected CoreParts surroundings(CoreParts parts) {
    entries = new Entries(false);
    return parts.withTlb(this::tlb);
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    entries = new Entries(true);
    return parts;
  }

  @Override
  protected Backend around(Backend backend) {
    return new ContextBackend(backend, UnaryOperator.identity(), Entered::new);
  }

  private final class Entered extends ForwardingVmOps {
    Entered(VmOps delegate) {
      super(delegate);
    }

    @Override
    public AccessOutcome checkTranslation(
        VcpuContext vcpu, long gpa, long pfn, PageLevel level, Access access, boolean isPrivate) {
      AccessOutcome o = super.checkTranslation(vcpu, gpa, pfn, level, access, isPrivate);
      entries.ended(vcpu, o == AccessOutcome.ALLOW);
      return o;
    }
  }
}
