package dev.cocovisor.cca.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.cca.guest.LinuxRealm;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Random realms on the core itself, with and without huge folios. */
class RealmOnCoreTest {
  private static final long RAM = 0x8000_0000L;
  private static final long SIZE = 8 << 20;
  private static final long PAGE = 4096;
  private static final long SHARED = RealmOps.SHARED_GFN << PageLevel.PAGE_SHIFT;
  private static final int STEPS = 80;
  private static final long[] PLACES = {0, 1, 2, 511, 512, 513, 700, 1023, 1024, 1500, 2047};

  /** The host as a VMM's process sees it, and what the realm should find in its pages. */
  private static final class World {
    final Kvm kvm;
    final KvmProcess process;
    final long frames;
    final Random random;
    final long user;
    final int vm;
    final int gmem;
    final int vcpu;

    /** Content the realm wrote; a page that is not here reads as zero. */
    final Map<Long, Integer> content = new HashMap<>();

    World(long seed, int gmemOrder, String rmm) {
      HostConfig config =
          HostConfig.DEFAULT
              .withArchitecture(Architecture.ARM64)
              .withSetting("core.gmem-order", Integer.toString(gmemOrder))
              .withSetting("cca.rmm", rmm);
      kvm = new Kvm(config, List.of(new CcaBackend()));
      random = new Random(seed);
      process = new KvmProcess(kvm);
      frames = kvm.memory().allocatedFrames();
      int dev = fd(process.openDevKvm());
      vm = fd(process.createVm(dev, VmType.ARM_REALM.number()));
      gmem = fd(process.createGuestMemfd(vm, SIZE, 0));
      int privateAnonymousNoreserve = 0x4022;
      user = process.mmap(0, SIZE, 3, privateAnonymousNoreserve, -1, 0);
      assertThat(user).isPositive();
      int guestMemfd = 4;
      ok(process.setUserMemoryRegion2(vm, 0, guestMemfd, RAM, SIZE, user, 0, gmem));
      ok(process.setMemoryAttributes(vm, RAM, SIZE, 8, 0));
      vcpu = fd(process.createVcpu(vm, 0));
      ok(process.vendorIoctl(vcpu, new VendorCommand("KVM_ARM_VCPU_INIT", new Fields())));
    }

    static int fd(long r) {
      assertThat(r).isNotNegative();
      return (int) r;
    }

    static void ok(long r) {
      assertThat(r).isZero();
    }

    RunResult run(GuestAction action) {
      return process.guestRun(vcpu, action);
    }

    void convert(Exit.MemoryFault fault) {
      boolean toPrivate = fault.flags() == Exit.MemoryFault.PRIVATE;
      ok(process.setMemoryAttributes(vm, fault.gpa(), fault.size(), toPrivate ? 8 : 0, 0));
    }

    /** Every page the realm gave up or the host took is gone; all others hold what was written. */
    void step(LinuxRealm linux, boolean[] shared) {
      int i = (int) PLACES[random.nextInt(PLACES.length)];
      int n = Math.min(1 + random.nextInt(3), (int) (SIZE / PAGE) - i);
      long gpa = RAM + i * PAGE;
      switch (random.nextInt(5)) {
        case 0 -> {
          assertThat(linux.share(gpa, n * PAGE)).isTrue();
          mark(shared, i, n, true);
        }
        case 1 -> {
          assertThat(linux.protect(gpa, n * PAGE)).isTrue();
          mark(shared, i, n, false);
        }
        case 2 -> {
          long at = shared[i] ? gpa | SHARED : gpa;
          int value = 1 + random.nextInt(255);
          assertThat(run(new GuestAction.Write(at, value)).errno().ok()).isTrue();
          content.put(at, value);
        }
        case 3 -> {
          assertThat(process.fallocate(gmem, 3, i * PAGE, PAGE)).isZero();
          if (!shared[i]) {
            // The content is lost; the realm gives it up to go on.
            assertThat(linux.protect(gpa, PAGE)).isTrue();
            content.remove(gpa);
          }
        }
        default -> {
          long at = shared[i] ? gpa | SHARED : gpa;
          RunResult read = run(new GuestAction.Read(at));
          assertThat(read).isEqualTo(RunResult.ok(new Exit.Done(content.getOrDefault(at, 0))));
          RunResult other = run(new GuestAction.Read(at ^ SHARED));
          assertThat(other.exit()).isNotInstanceOf(Exit.Done.class);
        }
      }
    }

    private void mark(boolean[] shared, int first, int n, boolean now) {
      for (int i = first; i < first + n; i++) {
        if (shared[i] != now) {
          content.remove(RAM + i * PAGE);
        }
        shared[i] = now;
      }
    }

    void check() {
      assertThat(kvm.violations()).isEmpty();
    }

    void end() {
      ok(process.close(vcpu));
      ok(process.close(vm));
      ok(process.close(gmem));
      ok(process.munmap(user, SIZE));
      assertThat(kvm.memory().allocatedFrames()).isEqualTo(frames);
      for (long pfn = 0; pfn < 0x8000; pfn++) {
        assertThat(kvm.memory().check(Accessor.HOST_KERNEL, pfn, false))
            .isEqualTo(PhysicalGuard.Verdict.ALLOW);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 0, 1.0", "2, 0, 1.0", "3, 0, 1.0", "4, 9, 1.0", "5, 9, 1.0", "6, 9, 1.0", "7, 9, 1.0",
    "1, 0, 2.0", "2, 0, 2.0", "3, 0, 2.0", "4, 9, 2.0", "5, 9, 2.0", "6, 9, 2.0", "7, 9, 2.0"
  })
  void aRealmFindsWhatItWroteAndTheHostGetsEverythingBack(long seed, int gmemOrder, String rmm) {
    World world = new World(seed, gmemOrder, rmm);
    int step = 0;
    try {
      LinuxRealm linux = new LinuxRealm(world::run, (fault, _) -> world.convert(fault));
      assertThat(linux.boot(RAM, SIZE, RAM + 100 * PAGE)).isTrue();
      boolean[] shared = new boolean[(int) (SIZE / PAGE)];
      for (; step < STEPS; step++) {
        world.step(linux, shared);
        world.check();
      }
      world.end();
    } catch (AssertionError e) {
      throw new AssertionError(
          "step "
              + step
              + "; reproduce: seed "
              + seed
              + ", gmem order "
              + gmemOrder
              + " in RealmOnCoreTest: "
              + e.getMessage(),
          e);
    }
  }
}
