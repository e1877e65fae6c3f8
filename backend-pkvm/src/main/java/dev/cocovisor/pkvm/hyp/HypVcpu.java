package dev.cocovisor.pkvm.hyp;

/** EL2's own state of a vCPU; guarded by being loaded on one CPU at a time. */
final class HypVcpu {
  /** {@link #loadedOn} of a vCPU that is on no CPU. */
  static final int NOT_LOADED = -1;

  final HypVm vm;
  final HostVcpu host;

  /** The page the host donated for this structure. */
  final long pfn;

  /** Pages for stage-2 tables, owned by EL2. */
  final Memcache memcache = new Memcache();

  int loadedOn = NOT_LOADED;

  /** Whether the last exit was a stage-2 translation abort, and where. */
  boolean exitIsTranslationAbort;

  long faultIpa;

  HypVcpu(HypVm vm, HostVcpu host, long pfn) {
    this.vm = vm;
    this.host = host;
    this.pfn = pfn;
  }
}
