package dev.cocovisor.vmm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.vmm.VmmBank;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The RAM of one guest from its VMM's side: mappings, guest_memfds, and the slots that show them.
 * Memory that two guests have is given back with the second of them.
 */
final class GuestRam {
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
  private static final int MAP_SHARED = 1;
  private static final int MAP_HUGETLB = 0x40000;
  private static final long FLAG_MMAP = 1;
  private static final long FLAG_INIT_SHARED = 2;
  private static final int MADV_HUGEPAGE = 14;
  private static final int MADV_NOHUGEPAGE = 15;
  private static final int MEM_GUEST_MEMFD = 4;

  private final VmmMachine machine;
  private final VmmDriver driver;
  private final Map<Integer, Memory> memories = new HashMap<>();
  private boolean closed;

  /** A mapping with its guest_memfd, and how many guests have it. */
  private static final class Memory {
    final long user;
    final long size;
    final int memfd;
    int holders = 1;

    Memory(long user, long size, int memfd) {
      this.user = user;
      this.size = size;
      this.memfd = memfd;
    }
  }

  GuestRam(VmmMachine machine, VmmDriver driver) {
    this.machine = machine;
    this.driver = driver;
  }

  private VmmCalls calls() {
    return machine.calls();
  }

  /** Maps memory of the VMM's; returns its address or -errno. */
  static long map(VmmCalls calls, long size, boolean huge) {
    int flags = MAP_PRIVATE_ANONYMOUS_NORESERVE | (huge ? MAP_HUGETLB : 0);
    return calls.mmap(0, size, PROT_READ_WRITE, flags, -1, 0);
  }

  /**
   * RAM of a host that converts in place: one file, mapped by the VMM, is all of it. It begins as
   * the technology's RAM does.
   */
  private long plugInPlace(long gpa, long size) {
    long flags = driver.privateFromStart() ? FLAG_MMAP : FLAG_MMAP | FLAG_INIT_SHARED;
    long memfd = calls().createGuestMemfd(machine.vmFd(), size, flags);
    if (memfd < 0) {
      return memfd;
    }
    long user = calls().mmap(0, size, PROT_READ_WRITE, MAP_SHARED, (int) memfd, 0);
    if (user < 0) {
      var _ = calls().close((int) memfd);
      return user;
    }
    return shown(new Memory(user, size, (int) memfd), gpa);
  }

  private long shown(Memory memory, long gpa) {
    long ret = show(memory, gpa);
    if (ret < 0 && !memories.containsValue(memory)) {
      var _ = release(memory);
    }
    return ret;
  }

  long plug(long gpa, long size, boolean huge) {
    if (driver.guestMemfd() && machine.convertsInPlace()) {
      return plugInPlace(gpa, size);
    }
    // Private memory that is the VMM's own mapping may not be a file's (pKVM pins anonymous pages
    // only): its huge pages are transparent ones.
    boolean hugetlb = huge && driver.guestMemfd();
    long user = map(calls(), size, hugetlb);
    if (user < 0) {
      return user;
    }
    if (!hugetlb) {
      var _ = calls().madvise(user, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    }
    long memfd = -1;
    if (driver.guestMemfd()) {
      memfd = calls().createGuestMemfd(machine.vmFd(), size, 0);
      if (memfd < 0) {
        var _ = calls().munmap(user, size);
        return memfd;
      }
    }
    return shown(new Memory(user, size, (int) memfd), gpa);
  }

  /** Shows the first piece of another guest's memory where RAM begins. */
  long plugOf(GuestRam other) {
    VmmBank first = other.machine.banks().isEmpty() ? null : other.machine.banks().getFirst();
    Memory memory = first == null ? null : other.memories.get(first.slot());
    if (memory == null) {
      return -Errno.EINVAL.number();
    }
    memory.holders++;
    long ret = show(memory, driver.ramBase());
    if (ret < 0 && !memories.containsValue(memory)) {
      memory.holders--;
    }
    return ret;
  }

  private long show(Memory memory, long gpa) {
    int slot = machine.banks().stream().mapToInt(VmmBank::slot).max().orElse(-1) + 1;
    var bank = new VmmBank(slot, gpa, memory.size, memory.user, memory.memfd);
    long ret = setSlot(bank, memory.size);
    if (ret < 0) {
      return ret;
    }
    machine.banks().add(bank);
    memories.put(slot, memory);
    return driver.privateFromStart() ? driver.convert(machine, gpa, memory.size, true) : 0;
  }

  private long setSlot(VmmBank b, long size) {
    return b.guestMemfd() < 0
        ? calls().setUserMemoryRegion(machine.vmFd(), b.slot(), 0, b.gpa(), size, b.userAddress())
        : calls()
            .setUserMemoryRegion2(
                machine.vmFd(),
                b.slot(),
                MEM_GUEST_MEMFD,
                b.gpa(),
                size,
                b.userAddress(),
                0,
                b.guestMemfd());
  }

  long unplug(VmmBank bank) {
    long ret = setSlot(bank, 0);
    if (ret < 0) {
      return ret;
    }
    machine.banks().remove(bank);
    Memory memory = memories.remove(bank.slot());
    return memory == null ? 0 : release(memory);
  }

  /**
   * Moves a slot. KVM refuses to move one with guest_memfd (kvm_set_memory_region), so that one is
   * taken away and made anew; where the new place is refused it comes back to the old one.
   */
  long move(VmmBank old, long gpa) {
    var moved = new VmmBank(old.slot(), gpa, old.size(), old.userAddress(), old.guestMemfd());
    boolean anew = old.guestMemfd() >= 0;
    long ret = anew ? setSlot(old, 0) : 0;
    if (ret >= 0) {
      ret = setSlot(moved, moved.size());
      if (ret < 0 && anew) {
        var _ = setSlot(old, old.size());
      }
    }
    if (ret >= 0) {
      machine.banks().set(machine.banks().indexOf(old), moved);
    }
    return ret;
  }

  /** Tells whether the memory was given back. */
  boolean closed() {
    return closed;
  }

  /**
   * Gives all memory back; EBADF the second time. The slots stay as KVM has them, but their files'
   * numbers are forgotten: the next file that anybody opens may get one of them.
   */
  long close() {
    if (closed) {
      return -Errno.EBADF.number();
    }
    closed = true;
    long ret = 0;
    List<VmmBank> banks = machine.banks();
    for (int i = 0; i < banks.size(); i++) {
      VmmBank b = banks.get(i);
      Memory memory = memories.remove(b.slot());
      if (memory != null) {
        ret = Math.min(ret, release(memory));
        banks.set(i, new VmmBank(b.slot(), b.gpa(), b.size(), b.userAddress(), -1));
      }
    }
    return ret;
  }

  private long release(Memory memory) {
    if (--memory.holders > 0) {
      return 0;
    }
    long ret = memory.memfd < 0 ? 0 : calls().close(memory.memfd);
    return Math.min(ret, calls().munmap(memory.user, memory.size));
  }
}
