package dev.cocovisor.bench;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.explore.HostTrial;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.explore.Trial;
import java.util.List;
import java.util.Set;

/**
 * The smallest meeting on the core, by system calls alone: a software-protected VM with one vCPU
 * and one slot of private memory, whose guest writes a page while the VMM punches it.
 */
final class CorePair extends HostTrial {
  private static final HostConfig HOST =
      HostConfig.DEFAULT.withMemoryFrames(1 << 14).withSetting("core.thp", "never");
  private static final long SIZE = 1 << 20;
  private static final long HVA = 0x7f60_0000_0000L;
  private static final int SW_PROTECTED_VM = 1;
  private static final int SLOT_HAS_MEMFD = 4;
  private static final int PRIVATE = 8;
  private static final int PUNCH_HOLE_KEEP_SIZE = 3;

  private final List<Part> parts;

  private CorePair(Kvm host) {
    super(host);
    var p = new KvmProcess(host);
    int vm = (int) p.createVm((int) p.openDevKvm(), SW_PROTECTED_VM);
    int vcpu = (int) p.createVcpu(vm, 0);
    int fd = (int) p.createGuestMemfd(vm, SIZE, 0);
    Setup.ok(p.mmap(HVA, SIZE, 3, 0x22, -1, 0) - HVA);
    Setup.ok(p.setUserMemoryRegion2(vm, 0, SLOT_HAS_MEMFD, 0, SIZE, HVA, 0, fd));
    Setup.ok(p.setMemoryAttributes(vm, 0, SIZE, PRIVATE, 0));
    var write = new GuestAction.Write(0x3000, 7, GuestAction.NO_CODE, true);
    parts =
        List.of(
            new Part(
                "vcpu 0",
                List.of(new Call("write", () -> p.guestRun(vcpu, write).toString(), Set.of()))),
            new Part(
                "vmm",
                List.of(
                    new Call(
                        "punch",
                        () -> text(p.fallocate(fd, PUNCH_HOLE_KEEP_SIZE, 0x3000, 4096)),
                        Set.of()))));
  }

  private static String text(long ret) {
    return ret == 0 ? "0" : Errno.of((int) -ret).toString();
  }

  /** Returns what builds such meetings. */
  static Subject subject() {
    return new Subject() {
      @Override
      public String name() {
        return "core: write with punch";
      }

      @Override
      public Trial newTrial() {
        return new CorePair(new Kvm(HOST, List.of()));
      }
    };
  }

  @Override
  public List<Part> parts() {
    return parts;
  }

  @Override
  public void close() {
    host().close();
  }
}
