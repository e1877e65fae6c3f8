package dev.cocovisor.explore;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.vm.CachedPage;
import dev.cocovisor.core.vm.Vcpu;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/**
 * Two that act on one VM at once, in every order with few preemptions: afterwards every invariant
 * holds, nobody waits for ever, and when all is closed no frame is left. No frame that is free is
 * mapped at any moment in between.
 */
class CoreRacesTest {
  private static final Explorer EXPLORER = new Explorer(Limits.DEFAULT, false);
  private static final long BASE = 1L << 30;
  private static final long HVA = 0x7f60_0000_0000L;
  private static final long SIZE = 1L << 21;

  /** A software-protected VM with a slot whose first MiB is private, and a slot of user memory. */
  private static final class Machine implements Trial {
    final Kvm kvm =
        new Kvm(
            HostConfig.DEFAULT.withMemoryFrames(1 << 14).withSetting("core.thp", "never"),
            List.of());
    final KvmProcess p = new KvmProcess(kvm);
    final int vm = (int) p.createVm((int) p.openDevKvm(), 1);
    final int vcpuFd = (int) p.createVcpu(vm, 0);
    final int fd = (int) p.createGuestMemfd(vm, SIZE, 0);
    final int other = (int) p.createGuestMemfd(vm, SIZE, 0);
    final Vcpu vcpu = Objects.requireNonNull(p.vcpu(vcpuFd));
    private final List<Part> parts = new ArrayList<>();
    final List<Long> created = new ArrayList<>();

    Machine(List<Consumer<Machine>> what) {
      assertThat(p.mmap(HVA, 4 * SIZE, 3, 0x22, -1, 0)).isEqualTo(HVA);
      assertThat(p.setUserMemoryRegion2(vm, 1, 4, BASE, SIZE, HVA, 0, fd)).isZero();
      assertThat(p.setUserMemoryRegion(vm, 2, 0, 2 * BASE, SIZE, HVA + SIZE)).isZero();
      assertThat(p.setMemoryAttributes(vm, BASE, SIZE / 2, 8, 0)).isZero();
      for (Consumer<Machine> w : what) {
        Call whole =
            new Call(
                "all it does",
                () -> {
                  w.accept(this);
                  return "";
                });
        parts.add(new Part("actor " + parts.size(), List.of(whole)));
      }
    }

    @Override
    public List<Part> parts() {
      return parts;
    }

    @Override
    public void checkAlways(Consumer<String> violation) {
      kvm.checkAlways(violation);
    }

    @Override
    public void checkAtRest(Consumer<String> violation) {
      if (created.size() == 2 && created.stream().filter(fd -> fd > 0).count() != 1) {
        violation.accept("two vCPUs of one id answered " + created);
      }
      kvm.checkInvariants(violation);
      kvm.close();
      if (kvm.memory().allocatedFrames() != 1) {
        violation.accept(kvm.memory().allocatedFrames() + " frames left");
      }
    }

    @Override
    public void close() {
      kvm.close();
    }
  }

  private static Consumer<Machine> fault(long gpa, Access access) {
    return m -> {
      long r = m.vcpu.touch(gpa, access, 1);
      assertThat(r).isLessThan(256);
    };
  }

  private static Consumer<Machine> prefault(long gpa) {
    return m -> {
      long r = m.p.preFaultMemory(m.vcpuFd, 0, new long[] {gpa, 4096});
      assertThat(r).isLessThanOrEqualTo(0);
    };
  }

  private static Consumer<Machine> slot(int id, int flags, long gpa, long size) {
    return m ->
        assertThat(m.p.setUserMemoryRegion(m.vm, id, flags, gpa, size, id == 2 ? HVA + SIZE : HVA))
            .isZero();
  }

  /** Returns how many preemptions a schedule may have. */
  int bound() {
    return 2;
  }

  @SafeVarargs
  @SuppressWarnings("varargs")
  private void race(Consumer<Machine>... what) {
    List<Consumer<Machine>> actors = List.of(what);
    Report r = EXPLORER.explore(subject(actors), new Search.Preemptions(bound()));
    assertThat(r.findings()).as("of %d schedules", r.schedules()).isEmpty();
    assertThat(r.exhaustive()).isTrue();
    assertThat(r.schedules()).isGreaterThan(2);
  }

  private static Subject subject(List<Consumer<Machine>> actors) {
    return new Subject() {
      @Override
      public String name() {
        return "two on one VM";
      }

      @Override
      public Trial newTrial() {
        return new Machine(actors);
      }
    };
  }

  @Test
  void privateFaultAndSlotDelete() {
    race(fault(BASE, Access.WRITE), slot(1, 0, BASE, 0));
  }

  @Test
  void sharedFaultAndSlotDelete() {
    race(fault(2 * BASE, Access.WRITE), slot(2, 0, 2 * BASE, 0));
  }

  @Test
  void faultAndSlotMove() {
    race(fault(2 * BASE, Access.WRITE), slot(2, 0, 3 * BASE, SIZE));
  }

  @Test
  void prefaultAndSlotDelete() {
    race(prefault(BASE), slot(1, 0, BASE, 0));
  }

  @Test
  void writeFaultAndDirtyLoggingOn() {
    race(fault(2 * BASE, Access.WRITE), slot(2, 1, 2 * BASE, SIZE));
  }

  @Test
  void faultAndUnmap() {
    race(fault(2 * BASE, Access.WRITE), m -> assertThat(m.p.munmap(HVA + SIZE, SIZE)).isZero());
  }

  @Test
  void faultAndDontNeed() {
    race(fault(2 * BASE, Access.WRITE), m -> assertThat(m.p.madvise(HVA + SIZE, SIZE, 4)).isZero());
  }

  @Test
  void faultAndCloseOfTheFile() {
    race(fault(BASE, Access.WRITE), m -> assertThat(m.p.close(m.fd)).isZero());
  }

  @Test
  void faultAndHole() {
    race(fault(BASE, Access.WRITE), m -> assertThat(m.p.fallocate(m.fd, 3, 0, SIZE)).isZero());
  }

  @Test
  void faultAndConversion() {
    race(
        fault(BASE, Access.WRITE),
        m -> assertThat(m.p.setMemoryAttributes(m.vm, BASE, 4096, 0, 0)).isZero());
  }

  @Test
  void faultAndCreationOfAVcpu() {
    race(fault(BASE, Access.WRITE), m -> assertThat(m.p.createVcpu(m.vm, 1)).isPositive());
  }

  /** Closes every descriptor of the VM, the vCPU's last. */
  private static void closeAll(Machine m) {
    assertThat(m.p.close(m.fd)).isZero();
    assertThat(m.p.close(m.vm)).isZero();
    assertThat(m.p.close(m.vcpuFd)).isZero();
  }

  @Test
  void runAndCloseOfEveryDescriptor() {
    race(
        m -> {
          var r = m.p.guestRun(m.vcpuFd, new GuestAction.Write(BASE, 1, GuestAction.NO_CODE, true));
          assertThat(r.errno()).isIn(Errno.OK, Errno.EBADF, Errno.EFAULT);
        },
        CoreRacesTest::closeAll);
  }

  @Test
  void prefaultAndCloseOfEveryDescriptor() {
    race(prefault(BASE), CoreRacesTest::closeAll);
  }

  @Test
  void slotCreationAndCloseOfTheFile() {
    race(
        m ->
            assertThat(m.p.setUserMemoryRegion2(m.vm, 3, 4, 4 * BASE, SIZE, HVA, 0, m.other))
                .isIn(0L, -(long) Errno.EBADF.number()),
        m -> assertThat(m.p.close(m.other)).isZero());
  }

  @Test
  void holeAndSlotDelete() {
    race(m -> assertThat(m.p.fallocate(m.fd, 3, 0, 4096)).isZero(), slot(1, 0, BASE, 0));
  }

  @Test
  void closeOfTheFileAndSlotDelete() {
    race(m -> assertThat(m.p.close(m.fd)).isZero(), slot(1, 0, BASE, 0));
  }

  @Test
  void conversionAndHoleOfAMappedPage() {
    race(
        m -> {
          var _ = m.vcpu.touch(BASE, Access.WRITE, 1);
          assertThat(m.p.fallocate(m.fd, 3, 0, 4096)).isZero();
        },
        m -> assertThat(m.p.setMemoryAttributes(m.vm, BASE, 4096, 0, 0)).isZero());
  }

  @Test
  void dirtyLogReadAndWriteFault() {
    race(
        m -> {
          assertThat(m.p.setUserMemoryRegion(m.vm, 2, 1, 2 * BASE, SIZE, HVA + SIZE)).isZero();
          assertThat(m.p.getDirtyLog(m.vm, 2, _ -> Errno.OK)).isZero();
        },
        fault(2 * BASE, Access.WRITE));
  }

  /** KVM writes its clock page twice; what it answers depends on who was first. */
  private static Consumer<Machine> clock(long gpa) {
    return m -> {
      CachedPage page = Objects.requireNonNull(m.p.vm(m.vm)).kernelAccess().cache(gpa);
      assertThat(page.write(1)).isIn(Errno.OK, Errno.EFAULT);
      assertThat(page.write(2)).isIn(Errno.OK, Errno.EFAULT);
      page.close();
    };
  }

  @Test
  void theClockPageAndUnmap() {
    race(clock(2 * BASE), m -> assertThat(m.p.munmap(HVA + SIZE, SIZE)).isZero());
  }

  @Test
  void theClockPageAndSlotDelete() {
    race(clock(2 * BASE), slot(2, 0, 2 * BASE, 0));
  }

  @Test
  void theClockPageAndConversionToPrivate() {
    long gpa = BASE + SIZE / 2;
    race(clock(gpa), m -> assertThat(m.p.setMemoryAttributes(m.vm, gpa, 4096, 8, 0)).isZero());
  }

  @Test
  void theKernelsReadAndSlotDelete() {
    race(
        m ->
            assertThat(
                    Objects.requireNonNull(m.p.vm(m.vm))
                        .kernelAccess()
                        .read(2 * BASE + 4090, new byte[16], 0, 16))
                .isIn(Errno.OK, Errno.EFAULT),
        slot(2, 0, 2 * BASE, 0));
  }

  @Test
  void oneOfTwoVcpusOfOneIdIsMade() {
    Consumer<Machine> creates = m -> m.created.add(m.p.createVcpu(m.vm, 1));
    race(creates, creates);
  }
}
