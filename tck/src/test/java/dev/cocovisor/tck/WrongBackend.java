package dev.cocovisor.tck;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.mem.Accessor.Kind;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.tck.reference.GuestTable;
import dev.cocovisor.tck.reference.Monitor;
import dev.cocovisor.tck.reference.ReferenceBackend;
import dev.cocovisor.tck.reference.ReferenceDriver;
import dev.cocovisor.tck.reference.ReferenceOps;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The zoo: the reference backend with one thing wrong, and the rule that has to notice. */
enum WrongBackend implements Mutant {
  INFO_CHANGES("I01", () -> new Changing()),
  ASKS_FOR_ANOTHER_TYPE("I02", () -> withTypes(new VmType("OTHER", 78, Architecture.X86_64))),
  TYPE_OF_ANOTHER_ARCHITECTURE(
      "I03", () -> withTypes(ReferenceBackend.TYPE, new VmType("OTHER", 78, Architecture.ARM64))),
  TYPE_OF_THE_CORE(
      "I04", () -> withTypes(ReferenceBackend.TYPE, new VmType("OTHER", 1, Architecture.X86_64))),
  SETTING_WITHOUT_HELP(
      "I05", () -> with(info(List.of(Setting.flag("reference.speed", " ", true))))),
  SETTING_THAT_REFUSES_ITS_DEFAULT(
      "I05", () -> with(info(List.of(Setting.choice("reference.speed", "how fast", "no", "yes"))))),
  LEAVES_LARGER_THAN_ANY("I06", ops((vm, m) -> new Traits(vm, m, PageLevel.PG_512G, false))),
  TRAITS_THAT_CHANGE("I07", ops((vm, m) -> new Traits(vm, m, PageLevel.PG_2M, true))),
  ONE_MONITOR_FOR_ALL_HOSTS("I08", OneMonitor::new),

  BIRTH_FAILS(
      "L01",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno vmInit() {
              return Errno.EIO;
            }
          })),
  KEEPS_FRAMES_FOREVER(
      "L02",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno vmInit() {
              return vm.host().memory().allocate(0) < 0 ? Errno.ENOMEM : Errno.OK;
            }
          })),
  LEAKS_TABLE_PAGES(
      "L03",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno freeExternalSpt(long gfn, PageLevel level, long sptPfn) {
              return Errno.EBUSY;
            }
          })),
  POPULATING_LEAKS(
      "L04,F04",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            protected Errno populated(VcpuContext vcpu, long gfn, long pfn, long user, int order) {
              var _ = vm.host().memory().allocate(0);
              return super.populated(vcpu, gfn, pfn, user, order);
            }
          })),
  GUARDS_THE_DEAD("L06,O07", () -> new Forgetful(false)),
  DEATH_TAKES_ALL(
      "L07",
      () -> {
        List<GuestTable> tables = new ArrayList<>();
        return honest((vm, m) ->
            new ReferenceOps(vm, m) {
              {
                tables.add(table());
              }

              @Override
              public void vmPreDestroy() {
                for (GuestTable t : tables) {
                  GuestTable.Leaf leaf = t.leafAt(0);
                  if (leaf != null) {
                    m.memory().zero(leaf.pfn(), leaf.level().pages());
                  }
                }
              }
            });
      }),
  KEEPS_TABLE_PAGES_FOR_ITSELF(
      "L09",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno freeExternalSpt(long gfn, PageLevel level, long sptPfn) {
              return Errno.OK;
            }
          })),
  UNKNOWN_COMMANDS_SUCCEED(
      "L10",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public long memEncIoctl(VendorCommand c) {
              return c.name().startsWith("REFERENCE") ? super.memEncIoctl(c) : 0;
            }
          })),
  UNKNOWN_COMMANDS_THROW(
      "L10",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public long memEncIoctl(VendorCommand c) {
              if (!c.name().startsWith("REFERENCE")) {
                throw new IllegalArgumentException(c.name());
              }
              return super.memEncIoctl(c);
            }
          })),
  ANSWERS_UNKNOWN_ACTIONS(
      "L11",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
              RunResult r = super.guestAction(vcpu, action);
              return r == null ? RunResult.ok(new Exit.Hlt(0)) : r;
            }
          })),
  FINALIZES_TWICE(
      "L12",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public long memEncIoctl(VendorCommand c) {
              long r = super.memEncIoctl(c);
              return c.name().endsWith("FINALIZE") ? 0 : r;
            }
          })),
  ONE_VCPU_ONLY(
      "L13",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno vcpuCreate(VcpuContext vcpu) {
              return vcpu.id() == 0 ? Errno.OK : Errno.EINVAL;
            }
          })),

  POPULATES_ZEROS(
      "P01",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            protected Errno populated(VcpuContext vcpu, long gfn, long pfn, long user, int order) {
              Errno r = super.populated(vcpu, gfn, pfn, user, order);
              m.memory().zero(pfn, 1L << order);
              return r;
            }
          })),
  SPOILS_THE_SOURCE(
      "P02",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            protected Errno populated(VcpuContext vcpu, long gfn, long pfn, long user, int order) {
              Errno r = super.populated(vcpu, gfn, pfn, user, order);
              var _ = vm.copyToUser(user, new byte[16], 0, 16);
              return r;
            }
          })),
  POPULATES_THE_NEIGHBOUR(
      "P03",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            protected Errno populated(VcpuContext vcpu, long gfn, long pfn, long user, int order) {
              Errno r = super.populated(vcpu, gfn, pfn, user, order);
              if (vm.mapPage(vcpu, (gfn + 1) << 12, true).ok()) {
                table().accept(gfn + 1);
                m.memory().writeByte(vm.mappedPfn(gfn + 1, true) << 12, 0x77);
              }
              return r;
            }
          })),
  POPULATING_REACHES_OTHERS(
      "O09",
      () -> {
        List<GuestTable> tables = new ArrayList<>();
        return honest((vm, m) ->
            new ReferenceOps(vm, m) {
              {
                tables.add(table());
              }

              @Override
              protected Errno populated(
                  VcpuContext vcpu, long gfn, long pfn, long user, int order) {
                GuestTable.Leaf leaf = tables.getFirst().leafAt(gfn);
                if (leaf != null) {
                  m.memory().zero(leaf.pfn(), 1);
                }
                return super.populated(vcpu, gfn, pfn, user, order);
              }
            });
      }),
  ANYTHING_IS_A_TABLE(
      "O03",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno linkExternalSpt(long gfn, PageLevel level, long sptPfn) {
              var _ = super.linkExternalSpt(gfn, level, sptPfn);
              return Errno.OK;
            }
          })),
  POPULATES_NOWHERE(
      "P04",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public long memEncIoctl(VendorCommand c) {
              long r = super.memEncIoctl(c);
              return c.name().endsWith("POPULATE") ? Math.max(0, r) : r;
            }
          })),
  POPULATES_AFTER_THE_LAUNCH(
      "P05",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public long memEncIoctl(VendorCommand c) {
              long r = super.memEncIoctl(c);
              return c.name().endsWith("POPULATE") && r == -Errno.EINVAL.number() ? 0 : r;
            }
          })),
  POPULATES_TWICE(
      "P06",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            protected Errno populated(VcpuContext vcpu, long gfn, long pfn, long user, int order) {
              return table().leafOf(gfn) != null
                  ? Errno.OK
                  : super.populated(vcpu, gfn, pfn, user, order);
            }
          })),
  RUNS_BEFORE_THE_LAUNCH_IS_OVER(
      "P07",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno vcpuPreRun(VcpuContext vcpu) {
              return Errno.OK;
            }
          })),
  PRE_FAULTS_TOO_EARLY(
      "P08",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public boolean preFaultAllowed() {
              return true;
            }
          })),
  NEVER_PRE_FAULTS(
      "P09",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public boolean preFaultAllowed() {
              return false;
            }
          })),

  FRESH_MEMORY_IS_DIRTY(
      "M01",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            protected void accept(long gfn) {
              super.accept(gfn);
              m.memory().writeByte(vm.mappedPfn(gfn, true) << 12, 0xff);
            }
          })),
  A_HOOK_THROWS(
      "M02",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno vcpuPreRun(VcpuContext vcpu) {
              throw new IllegalStateException("not today");
            }
          })),
  A_HOOK_KEEPS_A_LOCK(
      "M03",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno setExternalSpte(long gfn, PageLevel level, long pfn) {
              var _ = vm.kvmLock().tryLock();
              return super.setExternalSpte(gfn, level, pfn);
            }
          })),
  SHARED_FAULTS_JUST_HALT(
      "M05",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public AccessOutcome preFault(
                VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
              if (isPrivate) {
                return AccessOutcome.FAULT;
              }
              vcpu.setExit(new Exit.Hlt(0));
              return AccessOutcome.EXIT;
            }
          })),
  FORGETS_TO_UNMAP(
      "M07",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
              return Errno.OK;
            }
          })),
  LIES_ABOUT_ITS_TABLE(
      "M07",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public long externalPfn(long gfn, PageLevel level) {
              long pfn = super.externalPfn(gfn, level);
              return pfn < 0 ? pfn : pfn + 1;
            }
          })),
  SHARED_MEMORY_IS_SOMEWHERE_ELSE(
      "M09",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean priv) {
              return priv ? super.guestWalk(vcpu, gpa, access, true) : gpa & 4095;
            }
          })),

  UNMAPPING_FAILS(
      "C01,C07,H05,Y01,Y02",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
              return Errno.EBUSY;
            }
          })),
  CONVERSION_LOSES_NEIGHBOURS(
      "C05",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
              GuestTable.Leaf next = table().leafAt(gfn + 1);
              if (next != null) {
                m.memory().zero(next.pfn(), 1);
              }
              return super.removeExternalSpte(gfn, level, pfn);
            }
          })),
  FREED_FRAMES_STAY_GUARDED("C08", () -> new Forgetful(true)),

  NEVER_HUGE(
      "H01",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public PageLevel privateMaxMappingLevel(
                @Nullable VcpuContext vcpu, long pfn, long gfn, boolean prefetch) {
              return PageLevel.PG_4K;
            }
          })),
  SPLITS_NOTHING(
      "H02",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno splitExternalSpt(
                long gfn, PageLevel level, long pfn, long sptPfn, boolean shared) {
              return m.take(vm.id(), Monitor.TABLE, sptPfn, 1) ? Errno.OK : Errno.EIO;
            }
          })),
  ONE_FRAME_FOR_A_HUGE_LEAF(
      "H03",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean priv) {
              long hpa = super.guestWalk(vcpu, gpa, access, priv);
              GuestTable.Leaf leaf = priv ? table().leafOf(gpa >>> 12) : null;
              return hpa < 0 || leaf == null ? hpa : (leaf.pfn() << 12) | (gpa & 4095);
            }
          })),
  SPLITTING_WIPES(
      "H04",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno splitExternalSpt(
                long gfn, PageLevel level, long pfn, long sptPfn, boolean shared) {
              m.memory().zero(pfn, level.pages());
              return super.splitExternalSpt(gfn, level, pfn, sptPfn, shared);
            }
          })),
  SPLITTING_IS_ALWAYS_BUSY(
      "H04",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno splitExternalSpt(
                long gfn, PageLevel level, long pfn, long sptPfn, boolean shared) {
              return Errno.EBUSY;
            }
          })),
  SPLIT_TABLES_ARE_LOST(
      "H06",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            private long split = -1;

            @Override
            public Errno splitExternalSpt(
                long gfn, PageLevel level, long pfn, long sptPfn, boolean shared) {
              split = sptPfn;
              return super.splitExternalSpt(gfn, level, pfn, sptPfn, shared);
            }

            @Override
            public Errno freeExternalSpt(long gfn, PageLevel level, long sptPfn) {
              return sptPfn == split ? Errno.EIO : super.freeExternalSpt(gfn, level, sptPfn);
            }
          })),

  HOST_READS_IN_CLEAR("S01", guard((who, v, write) -> write ? v : Verdict.ALLOW)),
  HOST_WRITES_UNNOTICED("S02,S12", guard((who, v, write) -> write ? Verdict.ALLOW : v)),
  VMM_READS_IN_CLEAR("S03", guard((who, v, write) -> who == Kind.HOST_USER ? Verdict.ALLOW : v)),
  DEVICES_WRITE("S04", guard((who, v, write) -> who == Kind.DEVICE ? Verdict.ALLOW : v)),
  GUARDS_EVERYTHING("S06", guard((who, v, write) -> who == Kind.DEVICE ? Verdict.FAULT : v)),
  DISTRUSTS_FIRMWARE("S07", guard((who, v, write) -> who == Kind.FIRMWARE ? Verdict.FAULT : v)),
  ONE_TABLE_FOR_ALL_GUESTS(
      "S08",
      () -> {
        List<ReferenceOps> all = new ArrayList<>();
        return honest((vm, m) ->
            new ReferenceOps(vm, m) {
              {
                all.add(this);
              }

              @Override
              public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean priv) {
                ReferenceOps first = all.getFirst();
                return first == this
                    ? super.guestWalk(vcpu, gpa, access, priv)
                    : first.guestWalk(vcpu, gpa, access, priv);
              }
            });
      }),
  LEAVES_SECRETS_BEHIND(
      "S10,O06",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
              byte[] page = new byte[4096];
              m.memory().read(pfn << 12, page, 0, page.length);
              Errno r = super.removeExternalSpte(gfn, level, pfn);
              m.memory().write(pfn << 12, page, 0, page.length);
              return r;
            }
          })),

  BITMAP_IS_MISSING(
      "K01",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno getPageEncBitmap(long startGfn, long npages, long[] into) {
              return Errno.ENOTTY;
            }
          })),
  REPORTS_THE_NEXT_PAGE(
      "K02",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno pageEncStatusHc(
                VcpuContext vcpu, long gpa, long npages, boolean encrypted) {
              return super.pageEncStatusHc(vcpu, gpa + 4096, npages, encrypted);
            }
          })),
  REGISTERS_WHAT_IT_CANNOT(
      "K03",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno memEncRegisterRegion(long addr, long size) {
              return Errno.OK;
            }
          })),
  COPIES_STRANGERS(
      "K04",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno vmCopyEncContextFrom(VmOps source) {
              return Errno.OK;
            }
          })),
  ALLOCATES_ON_THE_FAULT_PATH(
      "K05",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            private Object last = "";

            @Override
            public @Nullable PageLevel privateMaxMappingLevel(
                @Nullable VcpuContext vcpu, long pfn, long gfn, boolean prefetch) {
              last = new Fields().put("gfn", gfn);
              return last == null ? null : super.privateMaxMappingLevel(vcpu, pfn, gfn, prefetch);
            }
          })),
  ONE_ACCEPTS_AT_A_TIME(
      "Y03",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            private int inside;

            @Override
            public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
              if (++inside > 1) {
                inside--;
                return new RunResult(Errno.EIO, new Exit.Unknown());
              }
              SchedulePoint.reach(PointKind.TRUSTED_CALL, this);
              RunResult result = super.guestAction(vcpu, action);
              inside--;
              return result;
            }
          })),
  LOSES_A_TABLE_PAGE(
      "K07",
      ops((vm, m) ->
          new ReferenceOps(vm, m) {
            @Override
            public Errno freeExternalSpt(long gfn, PageLevel level, long sptPfn) {
              return level == PageLevel.PG_2M
                  ? Errno.EIO
                  : super.freeExternalSpt(gfn, level, sptPfn);
            }
          })),
  A_LOST_RACE_IS_AN_ERROR(
      "X01,X02,X03,X04",
      () -> {
        AtomicInteger inside = new AtomicInteger();
        return honest((vm, m) ->
            new ReferenceOps(vm, m) {
              @Override
              public Errno vcpuPreRun(VcpuContext vcpu) {
                boolean alone = inside.incrementAndGet() == 1;
                SchedulePoint.write(PointKind.TRUSTED_WORD, inside, 0);
                inside.decrementAndGet();
                return alone ? super.vcpuPreRun(vcpu) : Errno.EIO;
              }
            });
      });

  /** Ids of rules, separated by commas. */
  private final String rule;

  @SuppressWarnings("ImmutableEnumChecker") // a lambda without state
  private final Supplier<Backend> backend;

  WrongBackend(String rule, Supplier<Backend> backend) {
    this.rule = rule;
    this.backend = backend;
  }

  @Override
  public List<String> rules() {
    return List.of(rule.split(","));
  }

  @Override
  public JudgedBackend honest() {
    return new ReferenceTckTest().subject();
  }

  @Override
  public JudgedBackend subject() {
    return new JudgedBackend(backend.get(), new ReferenceDriver(), ReferenceTckTest.BEHAVIOURS);
  }

  private static Supplier<Backend> ops(BiFunction<VmContext, Monitor, VmOps> ops) {
    return () -> honest(ops);
  }

  private static Backend honest(BiFunction<VmContext, Monitor, VmOps> ops) {
    return new ReferenceBackend(ReferenceBackend.INFO, ops, g -> g);
  }

  private static BackendInfo info(List<Setting> settings, VmType... types) {
    return BackendInfo.builder("reference", Architecture.X86_64)
        .version("1.0.0")
        .description("wrong")
        .vmTypes(types.length == 0 ? new VmType[] {ReferenceBackend.TYPE} : types)
        .settings(settings.toArray(Setting[]::new))
        .build();
  }

  private static Backend with(BackendInfo info) {
    return new ReferenceBackend(info, ReferenceOps::new, g -> g);
  }

  private static Backend withTypes(VmType... types) {
    return with(info(List.of(), types));
  }

  /** Changes the guard's verdict. */
  private interface Verdicts {
    Verdict of(Kind who, Verdict honest, boolean write);
  }

  private static Supplier<Backend> guard(Verdicts verdicts) {
    return () ->
        new ReferenceBackend(
            ReferenceBackend.INFO,
            ReferenceOps::new,
            g -> (who, pfn, write) -> verdicts.of(who.kind(), g.check(who, pfn, write), write));
  }

  /** Never says the same twice. */
  private static final class Changing implements Backend {
    private int asked;

    @Override
    public BackendInfo info() {
      return BackendInfo.builder("reference", Architecture.X86_64)
          .version("1." + asked++)
          .description("wrong")
          .vmTypes(ReferenceBackend.TYPE)
          .build();
    }

    @Override
    public Platform createPlatform(HostMachine host) {
      return new ReferenceBackend().createPlatform(host);
    }
  }

  /** Has traits that make no sense, or change. */
  private static final class Traits extends ReferenceOps {
    private final PageLevel most;
    private final boolean changes;
    private int asked;

    Traits(VmContext vm, Monitor monitor, PageLevel most, boolean changes) {
      super(vm, monitor);
      this.most = most;
      this.changes = changes;
    }

    @Override
    public VmTraits traits() {
      VmTraits t = super.traits();
      return VmTraits.of(StageShape.MIRRORED)
          .withPrivateMemory(true)
          .withPrivateRule(t.privateRule())
          .withSharedGfnMask(t.sharedGfnMask())
          .withMaxPrivateLevel(most)
          .withReadonlySlots(changes && asked++ % 2 == 0)
          .withProtectedState(true);
    }
  }

  /** Keeps one trusted half for every host. */
  private static final class OneMonitor implements Backend {
    private final Monitor monitor = new Monitor(new SparseMemory());

    @Override
    public BackendInfo info() {
      return ReferenceBackend.INFO;
    }

    @Override
    public Platform createPlatform(HostMachine host) {
      return new Platform() {
        @Override
        public VmOps createVm(VmContext vm, VmType type) {
          return new ReferenceOps(vm, monitor);
        }

        @Override
        public PhysicalGuard guard() {
          return monitor;
        }
      };
    }
  }

  /** Guards every frame that ever was private, or every one that was once its VM is dead. */
  private static final class Forgetful implements Backend {
    private final boolean always;

    Forgetful(boolean always) {
      this.always = always;
    }

    @Override
    public BackendInfo info() {
      return ReferenceBackend.INFO;
    }

    @Override
    public Platform createPlatform(HostMachine host) {
      Set<Long> guarded = ConcurrentHashMap.newKeySet();
      return new ReferenceBackend(
              ReferenceBackend.INFO,
              (vm, m) ->
                  new ReferenceOps(vm, m) {
                    private final Set<Long> mine = ConcurrentHashMap.newKeySet();

                    @Override
                    public void vmDestroy() {
                      guarded.addAll(mine);
                    }

                    @Override
                    public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
                      mine.add(pfn);
                      if (always) {
                        guarded.add(pfn);
                      }
                      return super.removeExternalSpte(gfn, level, pfn);
                    }
                  },
              g ->
                  (who, pfn, write) ->
                      guarded.contains(pfn) && who.kind() == Kind.HOST_KERNEL
                          ? Verdict.FAULT
                          : g.check(who, pfn, write))
          .createPlatform(host);
    }
  }
}
