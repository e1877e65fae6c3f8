package dev.cocovisor.script.state;

import dev.cocovisor.api.Platform;
import dev.cocovisor.api.view.Span;
import dev.cocovisor.api.view.Strip;
import dev.cocovisor.api.view.Strip.Role;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.core.vm.VmTables;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** Looks at a whole host between two calls. */
public final class HostLook {
  private final Kvm kvm;
  private final List<Strip> strips = new ArrayList<>();
  private final List<Strip> frames = new ArrayList<>();

  private HostLook(Kvm kvm) {
    this.kvm = kvm;
  }

  /**
   * Returns what the tables say: the strips of each VM, the sum of them first, and then those of
   * the host.
   *
   * @param vms the VMs that live, by name
   * @param measured the pages whose initial contents were measured
   */
  public static List<Strip> of(Kvm kvm, Map<String, Vm> vms, Measured measured) {
    var look = new HostLook(kvm);
    look.host();
    vms.forEach((name, vm) -> look.vm(name, vm, measured));
    look.strips.addAll(look.frames);
    return look.strips;
  }

  private void host() {
    for (Platform p : kvm.platforms()) {
      p.showFrames(name -> {
        var spans = new SpanList();
        frames.add(new Strip("", Role.FRAMES, name, List.of()));
        open.add(spans);
        return spans;
      });
    }
    for (int i = 0; i < open.size(); i++) {
      frames.set(i, new Strip("", Role.FRAMES, frames.get(i).name(), open.get(i).take()));
    }
  }

  private final List<SpanList> open = new ArrayList<>();

  private void vm(String name, Vm vm, Measured measured) {
    var tables = new VmTables(vm);
    var own = new ArrayList<Strip>();
    own.add(strip(name, Role.SLOTS, "memory slots", tables::slots));
    own.add(strip(name, Role.ATTRIBUTES, "attributes", tables::attributes));
    own.add(strip(name, Role.BACKING, "private file", tables::backing));
    boolean mirror = tables.hasMirror();
    String stage = mirror ? "second stage, shared" : "second stage";
    own.add(strip(name, Role.STAGE, stage, into -> tables.stage(false, into)));
    if (mirror) {
      String private_ = "second stage, private";
      own.add(strip(name, Role.MIRROR, private_, into -> tables.stage(true, into)));
    }
    var trusted = new ArrayList<Map.Entry<String, SpanList>>();
    vm.ops()
        .showTables(table -> {
          var spans = new SpanList();
          trusted.add(Map.entry(table, spans));
          return spans;
        });
    trusted.forEach(t -> own.add(new Strip(name, Role.EXTERNAL, t.getKey(), t.getValue().take())));
    for (Strip f : frames) {
      own.add(new Strip(name, Role.OWNER, f.name() + " of its frames", behind(own, f.spans())));
    }
    for (int vcpu : tables.vcpus()) {
      own.add(strip(name, Role.CACHE, "TLB of vCPU " + vcpu, into -> tables.cached(vcpu, into)));
    }
    var dirty = new TreeSet<Long>();
    tables.dirty(dirty::add);
    strips.add(new MemorySum(name, own, dirty, kvm.physicalMemory(), measured).strip());
    strips.addAll(own);
  }

  private interface Showing {
    void show(SpanList into);
  }

  private static Strip strip(String vm, Role role, String name, Showing showing) {
    var spans = new SpanList();
    showing.show(spans);
    return new Strip(vm, role, name, spans.take());
  }

  /** What the table of frames says of the frames that a VM's own tables lead to, by gfn. */
  private static List<Span> behind(List<Strip> own, List<Span> frames) {
    var out = new SpanList();
    for (Strip s : own) {
      boolean leads = s.role() == Role.EXTERNAL || s.role() == Role.MIRROR;
      if (leads || s.role() == Role.STAGE || s.role() == Role.BACKING) {
        s.spans().forEach(span -> through(span, frames, out));
      }
    }
    return out.take();
  }

  private static void through(Span span, List<Span> frames, SpanList out) {
    long end = span.leadsTo() + span.pages();
    for (long pfn = span.leadsTo(); span.leadsTo() >= 0 && pfn < end; ) {
      Span f = SpanList.at(frames, pfn);
      if (f == null) {
        pfn = nextFrom(frames, pfn, end);
        continue;
      }
      long stop = Math.min(f.end(), end);
      long gfn = span.first() + pfn - span.leadsTo();
      out.add(new Span(gfn, stop - pfn, f.order(), pfn, f.kind(), f.state(), f.marks()));
      pfn = stop;
    }
  }

  private static long nextFrom(List<Span> spans, long page, long end) {
    int lo = 0;
    int hi = spans.size();
    while (lo < hi) {
      int mid = (lo + hi) >>> 1;
      if (spans.get(mid).first() > page) {
        hi = mid;
      } else {
        lo = mid + 1;
      }
    }
    return lo < spans.size() ? Math.min(spans.get(lo).first(), end) : end;
  }
}
