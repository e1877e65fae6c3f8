package dev.cocovisor.tck;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.mem.Accessor.Kind;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.uapi.MemoryMapping;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.tck.reference.Monitor;
import dev.cocovisor.tck.reference.ReferenceBackend;
import dev.cocovisor.tck.reference.ReferenceDriver;
import dev.cocovisor.tck.reference.ReferenceOps;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The zoo's part that goes wrong at the edges: short memory, odd orders, forgotten bounds. */
enum WrongAtTheEdges implements Mutant {
  DEATH_THROWS(
      "L05,K06",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public void vmDestroy() {
              throw new IllegalStateException("immortal");
            }
          })),
  MEMORY_MUST_OUTLIVE_ITS_VM(
      "L08",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public void gmemInvalidate(long pfnStart, long pfnEnd) {
              if (!vm.vcpus().isEmpty()) {
                throw new IllegalStateException("memory goes before its VM");
              }
            }
          })),
  ANSWERS_WHERE_NO_MEMORY_IS(
      "M04",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean priv) {
              return priv && vm.slotOf(gpa >>> 12) == null
                  ? gpa & 4095
                  : super.guestWalk(vcpu, gpa, access, priv);
            }
          })),
  OLD_TRANSLATIONS_LIVE_ON(
      "M06,C12",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            private final Map<Long, Long> last = new ConcurrentHashMap<>();

            @Override
            public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean priv) {
              if (!priv) {
                return WALK_CORE;
              }
              Long known = last.get(gpa);
              long hpa = known != null ? known : super.guestWalk(vcpu, gpa, access, true);
              if (hpa >= 0) {
                last.put(gpa, hpa);
              }
              return hpa;
            }
          })),
  FAULTS_FOR_EVER_WHERE_A_PAGE_IS(
      "M02",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean priv) {
              long walked = super.guestWalk(vcpu, gpa, access, priv);
              return priv && walked >= 0 ? WALK_RETRY : walked;
            }
          })),
  CHANGES_ITS_MIND_ABOUT_LEVELS(
      "M10",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public PageLevel privateMaxMappingLevel(
                @Nullable VcpuContext vcpu, long pfn, long gfn, boolean prefetch) {
              return vm.mappedLevel(gfn, true) == null ? PageLevel.PG_2M : PageLevel.PG_4K;
            }
          })),
  RAISES_LEVELS(
      "M11",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public PageLevel delegatedMaxLevel(
                long gfn, long pfn, PageLevel wanted, boolean isPrivate) {
              return PageLevel.PG_1G;
            }
          })),
  TELLS_THE_VMM_ON_CONVERSION(
      "C02",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
              SlotView slot = vm.slotOf(gfn);
              if (slot != null) {
                byte[] page = new byte[4096];
                m.memory().read(pfn << 12, page, 0, page.length);
                var _ = vm.copyToUser(slot.userAddressOf(gfn), page, 0, page.length);
              }
              return super.removeExternalSpte(gfn, level, pfn);
            }
          })),
  CONVERSION_COPIES_WHAT_WAS_SHARED(
      "C03",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            protected void accept(long gfn) {
              super.accept(gfn);
              SlotView slot = vm.slotOf(gfn);
              byte[] page = new byte[4096];
              if (slot != null
                  && vm.copyFromUser(slot.userAddressOf(gfn), page, 0, page.length).ok()) {
                m.memory().write(vm.mappedPfn(gfn, true) << 12, page, 0, page.length);
              }
            }
          })),
  WEARS_OUT(
      "C04",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            private int conversions;

            @Override
            public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
              return conversions++ < 4 ? super.removeExternalSpte(gfn, level, pfn) : Errno.EIO;
            }
          })),
  REMEMBERS_WHAT_WAS_GIVEN_UP(
      "C09,C11",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            private final Map<Long, byte[]> lost = new ConcurrentHashMap<>();

            @Override
            public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
              byte[] page = new byte[4096];
              m.memory().read(pfn << 12, page, 0, page.length);
              lost.put(gfn, page);
              return super.removeExternalSpte(gfn, level, pfn);
            }

            @Override
            protected void accept(long gfn) {
              super.accept(gfn);
              byte[] page = lost.remove(gfn);
              if (page != null) {
                m.memory().write(vm.mappedPfn(gfn, true) << 12, page, 0, page.length);
              }
            }
          })),
  PRE_FAULTING_LEAKS(
      "P10",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public @Nullable PageLevel privateMaxMappingLevel(
                @Nullable VcpuContext vcpu, long pfn, long gfn, boolean prefetch) {
              if (prefetch) {
                var _ = vm.host().memory().allocate(0);
              }
              return super.privateMaxMappingLevel(vcpu, pfn, gfn, prefetch);
            }

            @Override
            public boolean preFaultAllowed() {
              boolean allowed = super.preFaultAllowed();
              if (allowed) {
                var _ = vm.host().memory().allocate(0);
              }
              return allowed;
            }
          })),
  MAP_MEMORY_IS_AN_IO_ERROR(
      "P11",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno preMmuMapPage(VcpuContext vcpu, MemoryMapping mapping, boolean isPrivate) {
              return Errno.EIO;
            }
          })),
  ACCEPTING_ALWAYS_ZEROES(
      "A01",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            protected void accept(long gfn) {
              super.accept(gfn);
              m.memory().zero(vm.mappedPfn(gfn, true), 1);
            }
          })),
  NOTHING_HAS_TO_BE_ACCEPTED(
      "A02",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean priv) {
              if (priv && table().leafOf(gpa >>> 12) != null) {
                accept(gpa >>> 12);
              }
              return super.guestWalk(vcpu, gpa, access, priv);
            }
          })),
  ANYTHING_CAN_BE_ACCEPTED(
      "A03",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
              return action.name().equals("reference_accept")
                      && vm.slotOf(action.fields().number("gpa") >>> 12) == null
                  ? RunResult.ok(new Exit.Hlt(0))
                  : super.guestAction(vcpu, action);
            }
          })),
  ACCEPTS_THE_FIRST_PAGE_ONLY(
      "A04",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
              Fields first =
                  new Fields().put("gpa", action.fields().number("gpa", 0)).put("size", 4096);
              return super.guestAction(vcpu, new GuestAction.Vendor(action.name(), first));
            }
          })),
  METADATA_LEAKS_WHEN_MEMORY_IS_SHORT(
      "F01",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno setExternalSpte(long gfn, PageLevel level, long pfn) {
              HostMemory memory = vm.host().memory();
              long one = memory.allocate(0);
              long two = memory.allocate(0);
              if (one < 0 || two < 0) {
                return Errno.ENOMEM;
              }
              memory.free(one, 0);
              memory.free(two, 0);
              return super.setExternalSpte(gfn, level, pfn);
            }
          })),
  A_FAILED_SPLIT_LOSES_ALL(
      "F02,F03",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno splitExternalSpt(
                long gfn, PageLevel level, long pfn, long sptPfn, boolean shared) {
              HostMemory memory = vm.host().memory();
              long metadata = memory.allocate(0);
              if (metadata < 0) {
                m.memory().zero(pfn, level.pages());
                return Errno.ENOMEM;
              }
              memory.free(metadata, 0);
              return super.splitExternalSpt(gfn, level, pfn, sptPfn, shared);
            }
          })),
  A_FAILED_BIRTH_KEEPS_FRAMES(
      "F05",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            private final List<Long> own = new ArrayList<>();

            @Override
            public Errno vmInit() {
              for (int i = 0; i < 3; i++) {
                long pfn = vm.host().memory().allocate(0);
                if (pfn < 0) {
                  return Errno.ENOMEM;
                }
                own.add(pfn);
              }
              return Errno.OK;
            }

            @Override
            public void vmDestroy() {
              own.forEach(pfn -> vm.host().memory().free(pfn, 0));
            }
          })),
  A_REFUSED_MOVE_TAKES_THE_SOURCE(
      "K08",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno vmMoveEncContextFrom(VmOps source) {
              if (source instanceof ReferenceOps) {
                source.removeExternalSpte(0, PageLevel.PG_4K, vm.mappedPfn(0, true));
                m.memory().zero(0, 1 << 16);
              }
              return Errno.EINVAL;
            }
          })),
  THE_BITMAP_HAS_NO_END(
      "K09",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno getPageEncBitmap(long startGfn, long npages, long[] into) {
              return super.getPageEncBitmap(startGfn & 0xffff, npages, into);
            }
          })),
  SLEEPS_UNDER_THE_MMU_LOCK(
      "K10",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno setExternalSpte(long gfn, PageLevel level, long pfn) {
              SlotView slot = vm.slotOf(gfn);
              if (slot != null) {
                var _ = vm.copyFromUser(slot.userAddressOf(gfn), new byte[1], 0, 1);
              }
              return super.setExternalSpte(gfn, level, pfn);
            }
          })),
  ZAPS_WITHOUT_THE_MMU_LOCK(
      "K10",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public long memEncIoctl(VendorCommand c) {
              if (c.name().endsWith("FINALIZE")) {
                vm.zapRange(1 << 20, (1 << 20) + 1);
              }
              return super.memEncIoctl(c);
            }
          })),
  ONE_MAP_FOR_ALL_GUESTS(
      "M08",
      () -> {
        Map<Long, Integer> owners = new ConcurrentHashMap<>();
        return honest((vm, m) ->
            new ReferenceOps(vm, m) {
              @Override
              public Errno setExternalSpte(long gfn, PageLevel level, long pfn) {
                Integer other = owners.putIfAbsent(gfn, vm.id());
                return other != null && other != vm.id()
                    ? Errno.EIO
                    : super.setExternalSpte(gfn, level, pfn);
              }
            });
      }),
  NEW_MEMORY_IS_OLD_MEMORY(
      "S09",
      () -> {
        Map<Long, byte[]> old = new ConcurrentHashMap<>();
        return honest((vm, m) ->
            new ReferenceOps(vm, m) {
              @Override
              public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
                byte[] page = new byte[4096];
                m.memory().read(pfn << 12, page, 0, page.length);
                old.put(pfn, page);
                return super.removeExternalSpte(gfn, level, pfn);
              }

              @Override
              protected void accept(long gfn) {
                super.accept(gfn);
                byte[] page = old.get(vm.mappedPfn(gfn, true));
                if (page != null) {
                  m.memory().write(vm.mappedPfn(gfn, true) << 12, page, 0, page.length);
                }
              }
            });
      }),
  A_REFUSED_WRITE_IS_DONE_ALL_THE_SAME(
      "S05",
      () -> {
        List<Monitor> monitors = new ArrayList<>();
        return new ReferenceBackend(
            ReferenceBackend.INFO,
            (vm, m) -> {
              monitors.add(m);
              return new ReferenceOps(vm, m);
            },
            g ->
                (who, pfn, write) -> {
                  Verdict v = g.check(who, pfn, write);
                  if (write && who.kind() == Kind.HOST_KERNEL && v == Verdict.FAULT) {
                    monitors.getFirst().memory().writeByte(pfn << 12, 1);
                  }
                  return v;
                });
      }),
  CONVERTS_BY_WAY_OF_SHARED(
      "C06",
      () -> honest(ReferenceOps::new),
      new ReferenceDriver() {
        @Override
        public long convert(VmmMachine vm, long gpa, long size, boolean toPrivate) {
          var _ = super.convert(vm, gpa, size, false);
          return super.convert(vm, gpa, size, toPrivate);
        }
      }),
  PUNCHES_SMALL_HOLES_ONLY(
      "C10",
      () -> honest(ReferenceOps::new),
      new ReferenceDriver() {
        @Override
        public long punch(VmmMachine vm, long gpa, long size) {
          return size > 4 * 4096 ? -Errno.EINVAL.number() : super.punch(vm, gpa, size);
        }
      });

  /** Ids of rules, separated by commas. */
  private final String rules;

  @SuppressWarnings("ImmutableEnumChecker") // a lambda without state
  private final Supplier<Backend> backend;

  @SuppressWarnings("ImmutableEnumChecker") // drivers have no state
  private final VmmDriver driver;

  WrongAtTheEdges(String rules, Supplier<Backend> backend) {
    this(rules, backend, new ReferenceDriver());
  }

  WrongAtTheEdges(String rules, Supplier<Backend> backend, VmmDriver driver) {
    this.rules = rules;
    this.backend = backend;
    this.driver = driver;
  }

  @Override
  public List<String> rules() {
    return List.of(rules.split(","));
  }

  @Override
  public JudgedBackend subject() {
    return new JudgedBackend(backend.get(), driver, ReferenceTckTest.BEHAVIOURS);
  }

  @Override
  public JudgedBackend honest() {
    return new ReferenceTckTest().subject();
  }

  private static Supplier<Backend> ops(BiFunction<VmContext, Monitor, VmOps> ops) {
    return () -> honest(ops);
  }

  private static Backend honest(BiFunction<VmContext, Monitor, VmOps> ops) {
    return new ReferenceBackend(ReferenceBackend.INFO, ops, g -> g);
  }
}
