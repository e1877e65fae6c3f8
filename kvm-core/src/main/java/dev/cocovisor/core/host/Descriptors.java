package dev.cocovisor.core.host;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.core.gmem.GuestMemfd;
import dev.cocovisor.core.gmem.MemfileStore;
import dev.cocovisor.core.mm.MemFd;
import dev.cocovisor.core.vm.Vm;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The descriptor table of a process: lowest free number first, from 3. */
final class Descriptors {
  /** /dev/kvm, which has no state. */
  static final Object DEV_KVM = new Object();

  /** A device file of a vendor's, which has no state here. */
  record DeviceFile(String path) {}

  private static final int FIRST = 3;

  private final ModelLock lock = new ModelLock("files->file_lock");
  private final List<@Nullable Object> open = new ArrayList<>();

  /** Opens a descriptor for something, taking over a reference of it. */
  int install(Object what) {
    return install(what, 0);
  }

  /** As {@link #install(Object)}, the lowest free one from {@code first} on (F_DUPFD). */
  int install(Object what, int first) {
    lock.lock();
    try {
      return FIRST + place(what, Math.max(0, first - FIRST));
    } finally {
      lock.unlock();
    }
  }

  /** dup: opens the lowest free one from {@code first} on for the same file; or EBADF. */
  long dup(long fd, int first) {
    Object o = get(fd);
    switch (o) {
      case null -> {
        return -Errno.EBADF.number();
      }
      case Vm vm -> vm.get();
      case VcpuFile f -> f.vcpu().machine().get();
      case GuestMemfd f -> f.acquire();
      case MemFd f -> f.acquire();
      case MemfileStore f -> f.acquire();
      case StatsFile f -> f.vm().get();
      default -> {}
    }
    return install(o, first);
  }

  private int place(Object what, int first) {
    while (open.size() < first) {
      open.add(null);
    }
    int i = first;
    while (i < open.size() && open.get(i) != null) {
      i++;
    }
    if (i == open.size()) {
      open.add(what);
    } else {
      open.set(i, what);
    }
    return i;
  }

  /**
   * Returns what a descriptor names, with a reference that keeps it for the time of a call, should
   * another close the descriptor meanwhile; null where nothing has to be kept. {@link #letGo} gives
   * it up. Whoever got a reference looks again: meanwhile the descriptor may have been closed and
   * its number given to another. Source: {@code fs/file.c}, fdget, __get_file_rcu.
   */
  @Nullable Object hold(long fd) {
    while (true) {
      Object o = get(fd);
      boolean held =
          switch (o) {
            case Vm vm -> vm.tryGet();
            case VcpuFile f -> f.vcpu().machine().tryGet();
            case GuestMemfd f -> f.tryAcquire();
            case null, default -> false;
          };
      if (get(fd) == o) {
        return held ? o : null;
      }
      if (held) {
        letGo(o);
      }
    }
  }

  /** Gives a reference up, a descriptor's or a call's; what nobody has any more goes. */
  static void letGo(@Nullable Object o) {
    switch (o) {
      case Vm vm -> vm.put();
      case VcpuFile f -> f.vcpu().machine().put();
      case GuestMemfd f -> f.release();
      case MemFd f -> f.release();
      case MemfileStore f -> f.close();
      case StatsFile f -> f.vm().put();
      case null -> {}
      default -> MemoryFiles.closed(o);
    }
  }

  @Nullable Object get(long fd) {
    long i = fd - FIRST;
    return i >= 0 && i < open.size() ? open.get((int) i) : null;
  }

  /** Returns the path of a vendor's device file, or null. */
  @Nullable String device(long fd) {
    return get(fd) instanceof DeviceFile f ? f.path() : null;
  }

  @Nullable Vm vm(long fd) {
    return get(fd) instanceof Vm vm ? vm : null;
  }

  @Nullable VcpuFile vcpu(long fd) {
    return get(fd) instanceof VcpuFile f ? f : null;
  }

  /**
   * Returns what an ioctl answers that the object behind a descriptor does not know, negative.
   *
   * <p>A VM that is dead and its vCPUs answer EIO to whatever is asked. Sources: {@code
   * virt/kvm/kvm_main.c}, kvm_vm_ioctl and kvm_vcpu_ioctl; the last cases of kvm_arch_dev_ioctl,
   * kvm_arch_vm_ioctl and kvm_arch_vcpu_ioctl in {@code arch/x86/kvm/x86.c} and {@code
   * arch/arm64/kvm/arm.c}.
   */
  long unknown(long fd) {
    return -unknownErrno(get(fd)).number();
  }

  private static Errno unknownErrno(@Nullable Object o) {
    return switch (o) {
      case null -> Errno.EBADF;
      case Vm vm when vm.isDead() -> Errno.EIO;
      case VcpuFile f when f.vcpu().machine().isDead() -> Errno.EIO;
      case Vm vm when vm.host().architecture().equals(Architecture.X86_64) -> Errno.ENOTTY;
      case Vm _, VcpuFile _ -> Errno.EINVAL;
      case Object dev when dev == DEV_KVM -> Errno.EINVAL;
      // A file without ioctls of its own.
      default -> Errno.ENOTTY;
    };
  }

  @Nullable Object remove(long fd) {
    lock.lock();
    try {
      Object was = get(fd);
      if (was != null) {
        open.set((int) fd - FIRST, null);
      }
      return was;
    } finally {
      lock.unlock();
    }
  }

  List<Integer> all() {
    List<Integer> fds = new ArrayList<>();
    for (int i = 0; i < open.size(); i++) {
      if (open.get(i) != null) {
        fds.add(i + FIRST);
      }
    }
    return fds;
  }
}
