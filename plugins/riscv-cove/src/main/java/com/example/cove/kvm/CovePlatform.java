package com.example.cove.kvm;

import com.example.cove.tsm.Tsm;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import java.util.function.Consumer;

/** One TSM and the host's way to call it. */
final class CovePlatform implements Platform {
  private final Tsm tsm;
  private final Covh covh;
  private final ConfidentialFrames frames;
  private final boolean hugePages;

  CovePlatform(HostMachine host) {
    this.tsm = new Tsm(host.memory().raw(), host.cpus());
    this.covh = new Covh(tsm, host.trace());
    this.frames =
        new ConfidentialFrames(
            covh, host, Long.parseLong(host.setting(CoveBackend.REFUSE_CONVERT, "0")));
    this.hugePages = Boolean.parseBoolean(host.setting(CoveBackend.HUGE_PAGES, "true"));
  }

  @Override
  public VmOps createVm(VmContext vm, VmType type) {
    return new TvmOps(vm, tsm, covh, frames, hugePages);
  }

  @Override
  public PhysicalGuard guard() {
    return tsm.guard();
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    tsm.checkInvariants(violation);
  }
}
