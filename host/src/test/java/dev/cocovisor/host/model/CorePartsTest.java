package dev.cocovisor.host.model;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.inject.AbstractModule;
import com.google.inject.Module;
import com.google.inject.multibindings.Multibinder;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.core.InvariantChecker;
import dev.cocovisor.core.attr.AttributeRuns;
import dev.cocovisor.core.attr.AttributeStore;
import dev.cocovisor.core.gmem.ForwardingGuestMemfd;
import dev.cocovisor.core.gmem.GmemFile;
import dev.cocovisor.core.gmem.GuestMemfd;
import dev.cocovisor.core.mem.FrameAllocator;
import dev.cocovisor.core.mmu.PageSizePolicy;
import dev.cocovisor.core.mmu.TlbModel;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.vmm.checked.GuestVm;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every part of the core is replaced by a user's module, and the host is a host still. */
class CorePartsTest {
  private static <T> Module binding(Class<T> type, T instance) {
    return new AbstractModule() {
      @Override
      protected void configure() {
        bind(type).toInstance(instance);
      }
    };
  }

  private static HypervisorModel.Builder host() {
    return HypervisorModel.builder().backends(BackendRegistry.classPathOnly(), "tdx", "sev-snp");
  }

  /** Lets a guest use memory in every way that reaches a part. */
  private static void use(HypervisorModel model, String technology) {
    try (GuestVm guest = model.guest(technology).memory("4M").launch()) {
      guest.populate(0, 0x2000, 0x5a).finish();
      // Nothing can be put into private memory where nothing is measured.
      int found = technology.equals("sw-protected") ? 0 : 0x5a;
      assertThat(guest.vcpu(0).read(0x1000)).isEqualTo(found);
      guest.vcpu(0).accept(0x10000, 0x1000);
      guest.vcpu(0).write(0x10000, 3);
      guest.vcpu(0).convertToShared(0x10000, 0x1000);
      guest.vcpu(0).writeShared(0x10000, 4);
      assertThat(guest.hostRead(0x10000)).isEqualTo(4);
      guest.vcpu(0).convertToPrivate(0x10000, 0x1000);
      assertThat(model.violations()).isEmpty();
    }
    assertThat(model.violations()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"tdx", "sev-snp", "sw-protected"})
  void framesComeFromAnotherAllocator(String technology) {
    List<Upwards> made = new ArrayList<>();
    FrameAllocator.Factory factory =
        frames -> {
          made.add(new Upwards(frames));
          return made.getLast();
        };
    HypervisorModel model = host().override(binding(FrameAllocator.Factory.class, factory)).build();
    use(model, technology);
    assertThat(made).hasSize(1);
    assertThat(made.getFirst().next).isGreaterThan(4);
    assertThat(model.kvm().physicalMemory().allocatedFrames()).isEqualTo(made.getFirst().used);
  }

  @ParameterizedTest
  @ValueSource(strings = {"tdx", "sev-snp", "sw-protected"})
  void attributesLiveInAnotherStore(String technology) {
    List<Integer> vms = new ArrayList<>();
    AttributeStore.Factory factory =
        vm -> {
          vms.add(vm);
          return new Sorted();
        };
    HypervisorModel model = host().override(binding(AttributeStore.Factory.class, factory)).build();
    use(model, technology);
    use(model, technology);
    assertThat(vms).containsExactly(1, 2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"tdx", "sev-snp", "sw-protected"})
  void privateMemoryComesFromWrappedFiles(String technology) {
    AtomicInteger pages = new AtomicInteger();
    AtomicInteger open = new AtomicInteger();
    GuestMemfd.Factory factory = r -> new CountingMemfd(r, pages, open);
    HypervisorModel model = host().override(binding(GuestMemfd.Factory.class, factory)).build();
    use(model, technology);
    assertThat(pages.get()).isGreaterThanOrEqualTo(3);
    assertThat(open).hasValue(0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"sev-snp", "sw-protected"})
  void vcpusHaveAnotherTlb(String technology) {
    List<OneEntry> made = new ArrayList<>();
    TlbModel.Factory factory =
        (vm, vcpu) -> {
          made.add(new OneEntry());
          return made.getLast();
        };
    HypervisorModel model = host().override(binding(TlbModel.Factory.class, factory)).build();
    use(model, technology);
    assertThat(made).hasSize(1);
    assertThat(made.getFirst().fills).isPositive();
    assertThat(made.getFirst().flushes).isPositive();
  }

  @Test
  void aTlbThatForgetsToFlushIsSeenByTheInvariants() {
    TlbModel.Factory factory =
        (vm, vcpu) ->
            new OneEntry() {
              @Override
              public void flush() {}
            };
    HypervisorModel model = host().tlb(factory).build();
    try (GuestVm guest = model.guest("sw-protected").memory("4M").boot()) {
      guest.vcpu(0).write(0x1000, 1);
      guest.punch(0x1000, 0x1000);
      var _ = guest.vcpu(0).tryRead(0x1000); // serves the request to flush, in vain
      assertThat(model.violations()).anyMatch(v -> v.contains("caches gfn 0x1"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sev-snp", "sw-protected"})
  void aPolicyLimitsThePagesOfEveryTechnology(String technology) {
    HypervisorModel free = host().setting("core.gmem-order", "9").build();
    HypervisorModel limited =
        host()
            .setting("core.gmem-order", "9")
            .override(
                binding(
                    PageSizePolicy.class,
                    (vm, gfn, vendors) -> gfn < 512 ? vendors : PageLevel.PG_4K))
            .build();
    assertThat(levelsMapped(free, technology)).containsExactly(PageLevel.PG_2M, PageLevel.PG_2M);
    assertThat(levelsMapped(limited, technology)).containsExactly(PageLevel.PG_2M, PageLevel.PG_4K);
  }

  private static List<PageLevel> levelsMapped(HypervisorModel model, String technology) {
    try (GuestVm guest = model.guest(technology).memory("4M").boot()) {
      guest.prefault(0, 4 << 20);
      return List.of(
          guest.kernel().context().mappedLevel(0, true),
          guest.kernel().context().mappedLevel(512, true));
    }
  }

  @Test
  void checksAreAddedByASetAndReplacedByABinding() {
    InvariantChecker gloomy = (host, violation) -> violation.accept("it rains");
    HypervisorModel more =
        host()
            .override(
                new AbstractModule() {
                  @Override
                  protected void configure() {
                    Multibinder.newSetBinder(binder(), InvariantChecker.class)
                        .addBinding()
                        .toInstance(gloomy);
                  }
                })
            .check((host, violation) -> violation.accept("it snows"))
            .build();
    assertThat(more.violations()).containsExactlyInAnyOrder("it rains", "it snows");
    HypervisorModel other = host().override(binding(InvariantChecker.class, gloomy)).build();
    assertThat(other.violations()).containsExactly("it rains");
  }

  @Test
  void aPlatformIsSetUpWrappedOrReplacedAsItIsCreated() {
    List<String> created = new ArrayList<>();
    HypervisorModel model =
        host()
            .decoratePlatforms((backend, machine, platform) -> {
              created.add(backend + " " + platform.getClass().getSimpleName());
              return platform;
            })
            .build();
    use(model, "sev-snp");
    assertThat(created).containsExactly("sev-snp SevPlatform");
  }

  /** Hands out frames in order and takes none back. */
  private static final class Upwards implements FrameAllocator {
    private final long frames;
    private long next;
    private long used;

    Upwards(long frames) {
      this.frames = frames;
    }

    @Override
    public long allocate(int order, int cpu) {
      long block = 1L << order;
      long at = (next + block - 1) & -block;
      if (at + block > frames) {
        return HostMemory.NO_FRAME;
      }
      next = at + block;
      used += block;
      return at;
    }

    @Override
    public void free(long pfn, int order, int cpu) {
      used -= 1L << order;
    }

    @Override
    public long allocated() {
      return used;
    }
  }

  /** Attributes as runs of equal value, by their first gfn. */
  private static final class Sorted implements AttributeStore {
    private final TreeMap<Long, Integer> runs = new TreeMap<>();

    Sorted() {
      runs.put(0L, 0);
    }

    @Override
    public int get(long gfn) {
      return runs.floorEntry(gfn).getValue();
    }

    @Override
    public boolean isUniform(long gfn, PageLevel level) {
      long start = level.alignDown(gfn);
      return rangeIs(start, start + level.pages(), 0xff, get(start));
    }

    @Override
    public boolean rangeIs(long start, long end, int mask, int want) {
      return (get(start) & mask) == want
          && runs.subMap(start, end).values().stream().allMatch(v -> (v & mask) == want);
    }

    @Override
    public void set(long start, long end, int value) {
      int after = get(end);
      runs.subMap(start, end).clear();
      runs.put(start, value);
      runs.put(end, after);
    }
  }

  /** Counts the pages asked for and the files open. */
  private static final class CountingMemfd extends ForwardingGuestMemfd {
    private final AtomicInteger pages;
    private final AtomicInteger open;

    CountingMemfd(Request request, AtomicInteger pages, AtomicInteger open) {
      super(GmemFile.create(request));
      this.pages = pages;
      this.open = open;
      open.incrementAndGet();
    }

    @Override
    public long page(long index, int cpu) {
      pages.incrementAndGet();
      return super.page(index, cpu);
    }

    @Override
    public boolean tryAcquire() {
      boolean taken = super.tryAcquire();
      if (taken) {
        open.incrementAndGet();
      }
      return taken;
    }

    @Override
    public void release() {
      open.decrementAndGet();
      super.release();
    }
  }

  /** Remembers the last translation alone. */
  private static class OneEntry implements TlbModel {
    private long gfn = -1;
    private boolean isPrivate;
    private long packed;
    private int fills;
    private int flushes;

    @Override
    public long find(long at, boolean privately, boolean write) {
      boolean hit = at == gfn && privately == isPrivate;
      return hit && (!write || TlbModel.isWritable(packed)) ? packed : MISS;
    }

    @Override
    public long fill(long at, boolean privately, long pfn, int level, boolean writable) {
      fills++;
      gfn = at;
      isPrivate = privately;
      packed = TlbModel.pack(pfn, level, writable);
      return packed;
    }

    @Override
    public void flush() {
      flushes++;
      gfn = -1;
    }

    @Override
    public void visit(Visitor visitor) {
      if (gfn >= 0) {
        visitor.entry(gfn, isPrivate, TlbModel.pfn(packed), TlbModel.isWritable(packed));
      }
    }
  }

  @Test
  void theBuiltInStoreAndAnotherAgree() {
    AttributeRuns tree = new AttributeRuns();
    Sorted sorted = new Sorted();
    long[][] ranges = {{0, 512, 8}, {100, 700, 0}, {512, 1024, 8}, {3, 4, 8}, {0, 2048, 0}};
    for (long[] r : ranges) {
      tree.set(r[0], r[1], (int) r[2]);
      sorted.set(r[0], r[1], (int) r[2]);
      for (long gfn = 0; gfn < 2048; gfn++) {
        assertThat(sorted.get(gfn)).isEqualTo(tree.get(gfn));
        assertThat(sorted.isUniform(gfn, PageLevel.PG_2M))
            .isEqualTo(tree.isUniform(gfn, PageLevel.PG_2M));
      }
    }
  }
}
