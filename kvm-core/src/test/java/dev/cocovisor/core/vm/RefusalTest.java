package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
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
  private final KvmProcess inPlace =
      new KvmProcess(new Kvm(HostConfig.DEFAULT.withKernel("7.4"), List.of(), sink));
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

  // virt/kvm/kvm_main.c (7.3), kvm_set_memory_region, kvm_vm_ioctl_set_memory_region.
  @Test
  void whatIsMalformedInASlot() {
    long tooHigh = Objects.requireNonNull(p.vm(vm)).rules().maxGfn() + 1;
    refused(
        Errno.EINVAL,
        "flags 0x4: the ioctl knows LOG_DIRTY and READONLY",
        () -> p.setUserMemoryRegion(vm, 4, 4, BASE, M, HVA));
    refused(
        Errno.EINVAL,
        "slot 0x7ffc: 32764 slots are userspace's",
        () -> slot(0x7ffc, 0, BASE, M, HVA, 0, -1));
    assertThat(slot(0x7ffb, 0, BASE, M, HVA, 0, -1)).isZero();
    assertThat(slot(0x7ffb, 0, BASE, 0, HVA, 0, -1)).isZero();
    refused(
        Errno.EINVAL, "memory_size is not whole pages", () -> slot(4, 0, BASE, M + 1, HVA, 0, -1));
    refused(
        Errno.EINVAL,
        "userspace_addr is not page aligned",
        () -> slot(4, 0, BASE, M, HVA + 1, 0, -1));
    refused(
        Errno.EINVAL,
        "userspace_addr and memory_size leave user space",
        () -> slot(4, 0, BASE, M, -M, 0, -1));
    for (long offset : new long[] {1, -4096}) {
      refused(
          Errno.EINVAL,
          "guest_memfd_offset is not page aligned, or the range wraps",
          () -> slot(4, 4, BASE, 2 * M, HVA, offset, fd));
    }
    refused(
        Errno.EINVAL,
        "the VM has no such address space",
        () -> slot(5 << 16 | 4, 0, BASE, M, HVA, 0, -1));
    refused(
        Errno.EINVAL,
        "guest_phys_addr and memory_size wrap",
        () -> slot(4, 0, -4096, M, HVA, 0, -1));
    refused(
        Errno.EINVAL,
        "more pages than a slot can have",
        () -> slot(4, 0, BASE, 1L << 43, HVA, 0, -1));
    refused(
        Errno.EINVAL,
        "gfn 0x%x is beyond the last one, 0x%x".formatted(tooHigh, tooHigh - 1),
        () -> slot(4, 0, (tooHigh - 1) << 12, 8192, HVA, 0, -1));
    assertThat(slot(4, 0, (tooHigh - 2) << 12, 8192, HVA, 0, -1)).isZero();
    int plain = (int) p.createVm(dev, 0);
    assertThat(p.setUserMemoryRegion(plain, 4, 0, BASE, M, HVA)).isZero();
    refused(
        Errno.EINVAL,
        "userspace_addr of a slot cannot change",
        () -> p.setUserMemoryRegion(plain, 4, 0, BASE, M, HVA + 4096));
    refused(
        Errno.EINVAL,
        "memory_size of a slot cannot change",
        () -> p.setUserMemoryRegion(plain, 4, 0, BASE, 2 * M, HVA));
    refused(
        Errno.EINVAL,
        "READONLY and GUEST_MEMFD of a slot cannot change",
        () -> p.setUserMemoryRegion(plain, 4, 2, BASE, M, HVA));
    assertThat(p.setUserMemoryRegion(plain, 4, 1, BASE, M, HVA)).as("logging can").isZero();
    assertThat(p.setUserMemoryRegion(plain, 4, 1, BASE, M, HVA)).as("as it is").isZero();
  }

  // kvm_vm_ioctl_create_vcpu; kvm_vm_ioctl_enable_cap of x86.c.
  @Test
  void vcpuIdsAndCapabilities() {
    int most = Objects.requireNonNull(p.vm(vm)).rules().maxVcpuIds();
    refused(
        Errno.EINVAL,
        "vCPU id 0xffffffffffffffff: ids go to %d".formatted(most - 1),
        () -> p.createVcpu(vm, -1));
    refused(
        Errno.EINVAL,
        "vCPU id 0x%x: ids go to %d".formatted(most, most - 1),
        () -> p.createVcpu(vm, most));
    assertThat(p.createVcpu(vm, most - 1)).isPositive();
    assertThat(p.enableCap(other, 128, 0, 2)).isZero();
    refused(
        Errno.EINVAL, "KVM_CAP_MAX_VCPU_ID set a lower limit of ids", () -> p.createVcpu(other, 2));
    assertThat(p.createVcpu(other, 1)).isPositive();
    refused(
        Errno.EINVAL,
        "vCPU ids are settled, or go no further",
        () -> p.enableCap(other, 128, 0, 3));
    assertThat(p.enableCap(other, 128, 0, 2)).as("the same again").isZero();
    refused(
        Errno.EINVAL,
        "the polling time is a 32-bit number",
        () -> p.enableCap(vm, 182, 0, 1L << 32));
    assertThat(p.enableCap(vm, 182, 0, 0xffff_ffffL)).isZero();
    refused(Errno.EINVAL, "KVM_HC_MAP_GPA_RANGE alone can exit", () -> p.enableCap(vm, 201, 0, 1));
    refused(
        Errno.EINVAL,
        "a quirk that this KVM does not have",
        () -> p.enableCap(vm, 213, 0, 1L << 40));
    refused(
        Errno.EINVAL,
        "more routes than KVM_MAX_IRQ_ROUTES",
        () -> p.enableCap(other, 121, 0, 4097));
    assertThat(p.enableCap(other, 121, 0, 4096))
        .as("after the vCPUs")
        .isEqualTo(-Errno.EEXIST.number());
  }

  private void conversionRefused(String why, int file, long offset, long size, long what) {
    refused(
        Errno.EINVAL,
        why,
        () -> inPlace.setMemoryAttributes2(file, offset, size, what, 0, new long[1]));
  }

  // guest_memfd.c (7.4), kvm_gmem_set_attributes: in this order.
  @Test
  void aConversionInPlace() {
    int owner = (int) inPlace.createVm((int) inPlace.openDevKvm(), 1);
    int file = (int) inPlace.createGuestMemfd(owner, M, 3);
    refused(
        Errno.EINVAL,
        "flags and reserved must be 0",
        () -> inPlace.setMemoryAttributes2(file, 1, 0, 16, 1, new long[1]));
    conversionRefused("PRIVATE is the only attribute there is", file, 1, 0, 16);
    conversionRefused("size is 0, or offset and size wrap", file, 1, 0, 8);
    conversionRefused("size is 0, or offset and size wrap", file, -4096, 8192, 8);
    conversionRefused("offset or size is not page aligned", file, M, 1, 8);
    conversionRefused("offset or size is not page aligned", file, 1, M, 8);
    conversionRefused("offset and size leave the file", file, M, 4096, 8);
    conversionRefused("offset and size leave the file", file, M - 4096, 8192, 8);
    int plain = (int) inPlace.createVm((int) inPlace.openDevKvm(), 0);
    int shared = (int) inPlace.createGuestMemfd(plain, M, 3);
    conversionRefused("the VM type has no private memory", shared, 0, M, 8);
    assertThat(inPlace.setMemoryAttributes2(file, M - 4096, 4096, 8, 0, new long[1])).isZero();
  }

  @Test
  void aPopulation() {
    VmOps ops =
        new VmOps() {
          @Override
          public VmTraits traits() {
            return FakeBackend.MIRRORED;
          }
        };
    FakeBackend backend = new FakeBackend(ops);
    KvmProcess owner = new KvmProcess(new Kvm(HostConfig.DEFAULT, List.of(backend), sink));
    int td = (int) owner.createVm((int) owner.openDevKvm(), 5);
    int file = (int) owner.createGuestMemfd(td, M, 0);
    assertThat(owner.setUserMemoryRegion2(td, 1, 4, BASE, M, HVA, 0, file)).isZero();
    var context = backend.context();
    context.slotsLock().lock();
    long gfn = BASE >>> 12;
    refused(
        Errno.EINVAL,
        "gfn 0x40000: the page's attribute is shared",
        () -> context.populate(gfn, 0, 1, (_, _, _, _) -> Errno.OK));
    refused(
        Errno.EINVAL,
        "gfn 0x40100: no slot with a guest_memfd",
        () -> context.populate(gfn + 256, 0, 1, (_, _, _, _) -> Errno.OK));
    refused(
        Errno.EFAULT,
        "source address 0x1000 is not mapped",
        () -> context.populate(gfn, 4096, 1, (_, _, _, _) -> Errno.OK));
    refused(
        Errno.EINVAL,
        "no pages, or a source that is not page aligned",
        () -> context.populate(gfn, 0, -1, (_, _, _, _) -> Errno.OK));
    context.slotsLock().unlock();
    assertThat(owner.close(file)).isZero();
    context.slotsLock().lock();
    refused(
        Errno.EFAULT,
        "the slot's guest_memfd was closed",
        () -> context.populate(gfn, 0, 1, (_, _, _, _) -> Errno.OK));
    context.slotsLock().unlock();
  }
}
