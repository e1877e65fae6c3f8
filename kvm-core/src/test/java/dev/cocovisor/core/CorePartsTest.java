package dev.cocovisor.core;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.attr.AttributeRuns;
import dev.cocovisor.core.gmem.ForwardingGuestMemfd;
import dev.cocovisor.core.gmem.GmemFile;
import dev.cocovisor.core.gmem.GuestMemfd;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.mem.FrameAllocator;
import dev.cocovisor.core.mmu.ForwardingSecondStage;
import dev.cocovisor.core.mmu.PageFault;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.mmu.TlbModel;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A host whose parts are all given to it behaves as one with the parts built in. */
@SuppressWarnings("NullAway") // a null here fails the test, as it should
class CorePartsTest {
  private static final long M2 = 2L << 20;

  private final List<String> made = new ArrayList<>();
  private int maps;

  private final class Stage extends ForwardingSecondStage {
    Stage(SecondStage delegate) {
      super(delegate);
    }

    @Override
    public int map(PageFault fault, VcpuContext vcpu) {
      maps++;
      return super.map(fault, vcpu);
    }
  }

  private static final class File extends ForwardingGuestMemfd {
    File(GuestMemfd delegate) {
      super(delegate);
    }

    long files() {
      return delegate().pages();
    }
  }

  private CoreParts all() {
    return CoreParts.DEFAULT
        .withFrames(frames -> {
          made.add("frames");
          return FrameAllocator.buddy(frames);
        })
        .withGuestMemfd(r -> {
          made.add("guest_memfd " + r.inodeNumber());
          return new File(GmemFile.create(r));
        })
        .withAttributes(vm -> {
          made.add("attributes " + vm);
          return new AttributeRuns();
        })
        .withSecondStage((host, shape) -> {
          made.add("second stage " + shape);
          return new Stage(SecondStage.standard(host, shape));
        })
        .withTlb((vm, vcpu) -> {
          made.add("tlb " + vm + "/" + vcpu);
          return TlbModel.directMapped();
        })
        .withPageSizes((vm, gfn, vendors) -> gfn < 512 ? vendors : PageLevel.PG_4K)
        .withChecker(
            InvariantChecker.STANDARD.and((host, violation) -> violation.accept("looked")));
  }

  @Test
  void everyPartIsMadeByItsFactoryAndUsed() {
    Kvm kvm =
        new Kvm(
            HostConfig.DEFAULT.withSetting("core.gmem-order", "9"),
            List.of(),
            TraceSink.OFF,
            all());
    KvmProcess p = new KvmProcess(kvm);
    int vm = (int) p.createVm((int) p.openDevKvm(), 1);
    int vcpu = (int) p.createVcpu(vm, 0);
    int memfd = (int) p.createGuestMemfd(vm, 2 * M2, 1);
    assertThat(made)
        .containsExactly(
            "frames", "attributes 1", "second stage DIRECT", "tlb 1/0", "guest_memfd 1");

    long user = p.mmap(0, 2 * M2, 3, 0x22, -1, 0);
    int plain = (int) p.createGuestMemfd(vm, 2 * M2, 0);
    assertThat(p.setUserMemoryRegion2(vm, 0, 4, 0, 2 * M2, user, 0, plain)).isZero();
    assertThat(p.setMemoryAttributes(vm, 0, 2 * M2, 8, 0)).isZero();
    assertThat(p.preFaultMemory(vcpu, 0, new long[] {0, 2 * M2})).isZero();
    assertThat(p.stats(vm).pages2m()).isEqualTo(1);
    assertThat(p.stats(vm).pages4k()).isEqualTo(512);
    assertThat(maps).isEqualTo(1 + 512);
    assertThat(kvm.vms().getFirst().stage().tablePages()).isPositive();
    assertThat(kvm.vms().getFirst().stage().externalTablePages()).isZero();
    assertThat(p.guestRun(vcpu, new GuestAction.Write(0x1000, 7)).errno().ok()).isTrue();
    assertThat(p.setMemoryAttributes(vm, 0x1000, 0x1000, 0, 0)).isZero();
    assertThat(p.fallocate(plain, 3, M2, M2)).isZero();
    assertThat(p.guestMemfd(plain)).isInstanceOf(File.class);
    assertThat(((File) p.guestMemfd(plain)).files()).isEqualTo(512);

    // A file that can be mapped, through the wrapper as well.
    long mapped = p.mmap(0, M2, 3, 1, memfd, 0);
    assertThat(mapped).isPositive();
    assertThat(p.hostWrite(mapped, 1)).isNotEqualTo(0); // private: SIGBUS
    assertThat(p.munmap(mapped, M2)).isZero();

    List<String> found = kvm.violations();
    assertThat(found).containsExactly("looked");
    assertThat(p.setUserMemoryRegion2(vm, 0, 4, 0, 0, user, 0, plain)).isZero();
    p.exit();
    assertThat(kvm.vms()).isEmpty();
  }

  @Test
  void dirtyLoggingSplitsAndRecoversThroughAWrappedSecondStage() {
    Kvm kvm = new Kvm(HostConfig.DEFAULT, List.of(), TraceSink.OFF, all());
    KvmProcess p = new KvmProcess(kvm);
    int vm = (int) p.createVm((int) p.openDevKvm(), 0);
    int vcpu = (int) p.createVcpu(vm, 0);
    long user = p.mmap(0x7f00_0000_0000L, M2, 3, 0x40022, -1, 0);
    assertThat(p.setUserMemoryRegion(vm, 0, 0, 0, M2, user)).isZero();
    assertThat(p.guestRun(vcpu, new GuestAction.Write(0x1000, 7)).errno().ok()).isTrue();
    assertThat(p.stats(vm).pages2m()).isEqualTo(1);
    assertThat(p.setUserMemoryRegion(vm, 0, 1, 0, M2, user)).isZero();
    assertThat(p.stats(vm).pages4k()).isEqualTo(512);
    assertThat(p.setUserMemoryRegion(vm, 0, 0, 0, M2, user)).isZero();
    assertThat(p.stats(vm).pages2m()).isEqualTo(1);
    assertThat(p.setUserMemoryRegion(vm, 0, 0, 0, 0, user)).isZero();
    assertThat(p.stats(vm).pages2m()).isZero();
    assertThat(kvm.vms().getFirst().leaks()).isEmpty();
  }
}
