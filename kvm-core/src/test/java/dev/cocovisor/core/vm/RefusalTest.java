package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.Test;

/** One errno has several causes: the trace says which. */
class RefusalTest {
  private static final long HVA = 0x7f60_0000_0000L;
  private static final long BASE = 1L << 30;
  private static final long M = 1L << 20;

  private final List<String> told = new ArrayList<>();
  private final TraceSink sink =
      new TraceSink() {
        @Override
        public boolean enabled() {
          return true;
        }

        @Override
        public void emit(TraceEvent event) {
          if (event.kind() == TraceEvent.Kind.REFUSAL) {
            told.add(event.name() + ": " + event.result());
          }
        }
      };
  private final Kvm kvm =
      new Kvm(HostConfig.DEFAULT.withSetting("core.attribute-entries", "64"), List.of(), sink);
  private final KvmProcess p = new KvmProcess(kvm);
  private final int dev = (int) p.openDevKvm();
  private final int vm = (int) p.createVm(dev, 1);
  private final int other = (int) p.createVm(dev, 1);
  private final int vcpu = (int) p.createVcpu(vm, 0);
  private final int fd = (int) p.createGuestMemfd(vm, M, 0);

  private void refused(Errno errno, String why, LongSupplier call) {
    told.clear();
    assertThat(call.getAsLong()).as(why).isEqualTo(-errno.number());
    assertThat(told).containsExactly(errno + ": " + why);
  }

  private long slot(long id, long flags, long gpa, long size, long hva, long offset, int memfd) {
    return p.setUserMemoryRegion2(vm, id, flags, gpa, size, hva, offset, memfd);
  }

  @Test
  void aSlot() {
    assertThat(slot(3, 4, BASE, M, HVA, 0, fd)).isZero();
    refused(
        Errno.EINVAL, "guest_phys_addr is not page aligned", () -> slot(4, 0, 1, M, HVA, 0, -1));
    refused(Errno.EINVAL, "slot 4: nothing to delete", () -> slot(4, 0, 0, 0, HVA, 0, -1));
    refused(
        Errno.EEXIST,
        "slot 4 overlaps slot 3 at gfn 0x40000..0x40100",
        () -> slot(4, 0, BASE + 4096, 4096, HVA, 0, -1));
    refused(
        Errno.EINVAL,
        "a slot with a guest_memfd can only be deleted",
        () -> slot(3, 4, BASE, M, HVA, 4096, fd));
    refused(
        Errno.EBADF,
        "the descriptor for private memory is not open",
        () -> slot(4, 4, 2 * BASE, M, HVA, 0, 99));
    refused(
        Errno.EINVAL,
        "the descriptor for private memory is no guest_memfd",
        () -> slot(4, 4, 2 * BASE, M, HVA, 0, vm));
    refused(
        Errno.EINVAL,
        "guest_memfd_offset and memory_size leave the file",
        () -> slot(4, 4, 2 * BASE, M, HVA, 4096, fd));
    refused(
        Errno.EINVAL,
        "the guest_memfd belongs to another VM",
        () -> p.setUserMemoryRegion2(other, 4, 4, BASE, M, HVA, 0, fd));
    refused(
        Errno.EEXIST,
        "guest_memfd page 0x0 or behind is bound to another slot",
        () -> slot(4, 4, 2 * BASE, M, HVA, 0, fd));
  }

  @Test
  void attributesAndFaults() {
    assertThat(slot(3, 4, BASE, M, HVA, 0, fd)).isZero();
    refused(
        Errno.EINVAL,
        "address or size is not page aligned",
        () -> p.setMemoryAttributes(vm, BASE + 1, 4096, 8, 0));
    refused(
        Errno.EINVAL,
        "PRIVATE is the only attribute there is",
        () -> p.setMemoryAttributes(vm, BASE, 4096, 1, 0));
    refused(
        Errno.ENOMEM,
        "no memory for an entry of every page of the range",
        () -> p.setMemoryAttributes(vm, BASE, M, 8, 0));
    refused(
        Errno.EFAULT,
        "the VMM has no mapping at the slot's user address",
        () -> p.preFaultMemory(vcpu, 0, new long[] {BASE, 4096}));
    refused(
        Errno.ENOENT, "gfn 0x1: no slot", () -> p.preFaultMemory(vcpu, 0, new long[] {4096, 4096}));
    refused(
        Errno.EINVAL,
        "size is 0, or gpa and size wrap",
        () -> p.preFaultMemory(vcpu, 0, new long[] {BASE, 0}));
    assertThat(p.setMemoryAttributes(vm, BASE, 4096, 8, 0)).isZero();
    assertThat(p.close(fd)).isZero();
    refused(
        Errno.EFAULT,
        "the slot's guest_memfd was closed",
        () -> p.preFaultMemory(vcpu, 0, new long[] {BASE, 4096}));
  }

  @Test
  void filesVcpusCapabilitiesAndLogs() {
    refused(
        Errno.EINVAL,
        "size is not whole pages, at least one",
        () -> p.createGuestMemfd(vm, 4095, 0));
    refused(
        Errno.EOPNOTSUPP, "KEEP_SIZE alone, or with PUNCH_HOLE", () -> p.fallocate(fd, 0, 0, M));
    refused(
        Errno.EINVAL,
        "offset and length leave the file, whose size is fixed",
        () -> p.fallocate(fd, 1, 0, 2 * M));
    refused(Errno.EEXIST, "there is a vCPU 0 already", () -> p.createVcpu(vm, 0));
    refused(Errno.EINVAL, "flags must be 0", () -> p.enableCap(vm, 201, 1, 0));
    refused(Errno.ENOENT, "there is no such slot", () -> p.getDirtyLog(vm, 9, HVA));
    refused(Errno.EINVAL, "VM type 77: the host has none", () -> p.createVm(dev, 77));
  }
}
