package dev.cocovisor.core.prop;

import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.PageStats;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Runs one program of random calls on a fresh host, checking after every call. */
final class RandomProgram {
  private static final long M = 2L << 20;
  private static final long SMALL = 0x7f10_0000_0000L;
  private static final long HUGE = 0x7f20_0000_0000L;
  private static final long GMEM_MAP = 0x7f30_0000_0000L;
  private static final long[] GPAS = {0x200000, 0x201000, 0x3ff000, 0x400000, 0x800000};
  private static final long[] SIZES = {0x1000, 0x2000, 0x8000, 0x1ff000, M, M + 0x1000, 2 * M};

  private final Choices choices;
  private final Kvm kvm;
  private final KvmProcess p;
  private final List<String> log = new ArrayList<>();
  private final List<Integer> gmems = new ArrayList<>();
  private final int vm;
  private final int vcpu;
  private final Function<RandomProgram, @Nullable String> check;

  RandomProgram(Choices choices, Function<RandomProgram, @Nullable String> check) {
    this.choices = choices;
    this.check = check;
    String order = new String[] {"0", "9"}[choices.pick(2)];
    kvm = new Kvm(HostConfig.DEFAULT.withSetting("core.gmem-order", order), List.of());
    p = kvm.newProcess();
    int dev = (int) p.openDevKvm();
    log.add("openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = " + dev);
    int type = choices.pick(2);
    vm = (int) p.createVm(dev, type);
    log.add("ioctl(" + dev + ", KVM_CREATE_VM, " + type + ") = " + vm);
    vcpu = (int) p.createVcpu(vm, 0);
    log.add("ioctl(" + vm + ", KVM_CREATE_VCPU, 0) = " + vcpu);
    p.mmap(SMALL, 16 * M, 3, 0x100022, -1, 0);
    p.mmap(HUGE, 16 * M, 3, 0x140022, -1, 0);
    p.setUserMemoryRegion2(vm, 0, 0, 0, 0x10000, SMALL, 0, -1);
    p.hostInstallStub(SMALL + 0x1000);
  }

  PageStats stats() {
    PageStats s = p.stats(vm);
    return s == null ? new PageStats(0, 0, 0) : s;
  }

  Kvm kvm() {
    return kvm;
  }

  List<String> log() {
    return log;
  }

  /** Runs up to {@code calls} calls; what broke first, or null. */
  @Nullable String run(int calls) {
    for (int i = 0; i < calls && !choices.exhausted(); i++) {
      step();
      String broken = check.apply(this);
      if (broken != null) {
        return broken;
      }
    }
    p.exit();
    long left = kvm.memory().allocatedFrames();
    return left == 1 ? null : left - 1 + " frames leaked at teardown";
  }

  private void done(String call, long r) {
    log.add(call + " = " + r);
  }

  private int gmem() {
    return gmems.isEmpty() ? -1 : gmems.get(choices.pick(gmems.size()));
  }

  private long gpa() {
    return GPAS[choices.pick(GPAS.length)];
  }

  private long size() {
    return SIZES[choices.pick(SIZES.length)];
  }

  private void step() {
    switch (choices.pick(11)) {
      case 0 -> slot(size());
      case 1 -> {
        long gpa = gpa();
        long size = size();
        long attributes = choices.pick(2) * 8L;
        done(
            "ioctl(%d, KVM_SET_MEMORY_ATTRIBUTES, {address=0x%x, size=0x%x, attributes=%d, flags=0})"
                .formatted(vm, gpa, size, attributes),
            p.setMemoryAttributes(vm, gpa, size, attributes, 0));
      }
      case 2 -> {
        long[] range = {gpa(), size()};
        done(
            "ioctl(%d, KVM_PRE_FAULT_MEMORY, {gpa=0x%x, size=0x%x, flags=0})"
                .formatted(vcpu, range[0], range[1]),
            p.preFaultMemory(vcpu, 0, range));
      }
      case 3 -> {
        long gpa = gpa() + choices.pick(8);
        done("guest_read(%d, {gpa=0x%x})".formatted(vcpu, gpa), p.guestRead(vcpu, 0x1000, gpa));
      }
      case 4 -> {
        long gpa = gpa() + choices.pick(8);
        done(
            "guest_write(%d, {gpa=0x%x, value=7})".formatted(vcpu, gpa),
            p.guestWrite(vcpu, 0x1000, gpa, 7));
      }
      case 5 -> {
        long size = SIZES[3 + choices.pick(4)];
        long flags = choices.pick(4);
        long fd = p.createGuestMemfd(vm, size, flags);
        done(
            "ioctl(%d, KVM_CREATE_GUEST_MEMFD, {size=0x%x, flags=%d})".formatted(vm, size, flags),
            fd);
        if (fd >= 0) {
          gmems.add((int) fd);
          p.mmap(GMEM_MAP + (fd << 30), size, 3, 0x100001, (int) fd, 0);
        }
      }
      case 6 -> {
        int fd = gmem();
        int mode = 1 + choices.pick(2) * 2;
        long off = choices.pick(3) * 0x1000L;
        long len = size();
        done(
            "fallocate(%d, 0x%x, 0x%x, 0x%x)".formatted(fd, mode, off, len),
            p.fallocate(fd, mode, off, len));
      }
      case 7 -> {
        long addr = choices.pick(2) == 0 ? SMALL + 0x200000 : HUGE;
        long len = choices.pick(2) == 0 ? 0x1000 : M;
        done("madvise(0x%x, 0x%x, 4)".formatted(addr, len), p.madvise(addr, len, 4));
      }
      case 8 -> {
        int fd = gmem();
        long addr =
            switch (choices.pick(3)) {
              case 0 -> SMALL + 0x200000;
              case 1 -> HUGE + 0x1000;
              default -> GMEM_MAP + ((long) fd << 30);
            };
        done("host_write(0x%x, 9)".formatted(addr), p.hostWrite(addr, 9));
      }
      case 9 -> {
        int fd = gmem();
        done("close(%d)".formatted(fd), p.close(fd));
        gmems.remove(Integer.valueOf(fd));
      }
      default -> slot(0);
    }
  }

  private void slot(long size) {
    int id = 1 + choices.pick(3);
    long gpa = gpa();
    int fd = choices.pick(2) == 0 ? -1 : gmem();
    long flags = fd >= 0 ? 4 : choices.pick(3);
    long addr = (choices.pick(2) == 0 ? SMALL : HUGE) + (gpa & (M - 1)) + M;
    long off = fd >= 0 ? choices.pick(2) * 0x1000L : 0;
    done(
        ("ioctl(%d, KVM_SET_USER_MEMORY_REGION2, {slot=%d, flags=%d, guest_phys_addr=0x%x,"
                + " memory_size=0x%x, userspace_addr=0x%x, guest_memfd_offset=0x%x,"
                + " guest_memfd=%d})")
            .formatted(vm, id, flags, gpa, size, addr, off, fd),
        p.setUserMemoryRegion2(vm, id, flags, gpa, size, addr, off, fd));
  }
}
