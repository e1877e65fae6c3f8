package dev.cocovisor.pkvm.hyp;

import org.jspecify.annotations.Nullable;

/** How EL2 finds the host's structures in pages that it pinned. */
public interface HostStructs {
  /** Returns the VM that lies in a page, or null if the page holds none. */
  @Nullable HostVm vmAt(long pfn);

  /** Returns the vCPU that lies in a page, or null if the page holds none. */
  @Nullable HostVcpu vcpuAt(long pfn);
}
