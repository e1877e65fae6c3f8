package dev.cocovisor.snp.psp;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.snp.rmp.FirmwarePort;
import dev.cocovisor.snp.rmp.PageState;
import dev.cocovisor.snp.rmp.Rmp;

/** What SNP_LAUNCH_UPDATE does to a page that it accepts: measure, fill, hand over. */
final class LaunchPages {
  private final PhysicalMemory memory;
  private final FirmwarePort port;
  private final Rmp rmp;
  private CpuidFilter cpuidFilter = CpuidFilter.ACCEPT;

  LaunchPages(PhysicalMemory memory, FirmwarePort port) {
    this.memory = memory;
    this.port = port;
    this.rmp = port.rmp();
  }

  void setCpuidFilter(CpuidFilter filter) {
    cpuidFilter = filter;
  }

  FwStatus measure(
      GuestContext g, long page, boolean huge, LaunchPageType type, boolean imi, int vmplPerms) {
    long pfn = page >>> 12;
    int count = huge ? 512 : 1;
    byte[] content = new byte[4096];
    if (type == LaunchPageType.CPUID) {
      memory.read(page, content, 0, 4096);
      if (!CpuidPage.accept(content, 0, cpuidFilter)) {
        memory.write(page, content, 0, 4096);
        return FwStatus.INVALID_PARAM;
      }
    }
    boolean vmsa = type == LaunchPageType.VMSA;
    long gpa = rmp.entry(pfn).gpa();
    if (!port.move(pfn, PageState.PRE_GUEST, PageState.GUEST_VALID, 0, vmsa)) {
      return FwStatus.INVALID_PAGE_STATE;
    }
    if (vmplPerms != 0 && !port.setPermissions(pfn, vmplPerms)) {
      return FwStatus.INVALID_PAGE_STATE;
    }
    switch (type) {
      case ZERO -> memory.zero(pfn, count);
      case SECRETS -> memory.write(page, SecretsPage.of(g), 0, 4096);
      case NORMAL, VMSA, UNMEASURED, CPUID -> {}
    }
    for (int i = 0; i < count; i++) {
      if (type.contentMeasured()) {
        memory.read(page + i * 4096L, content, 0, 4096);
      }
      g.digest.update(type, gpa + i * 4096L, content, 0, vmplPerms, imi);
      if (imi) {
        g.imd.update(type, gpa + i * 4096L, content, 0, vmplPerms, true);
      }
    }
    return FwStatus.SUCCESS;
  }
}
