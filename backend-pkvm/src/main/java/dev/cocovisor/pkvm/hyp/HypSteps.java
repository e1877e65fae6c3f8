package dev.cocovisor.pkvm.hyp;

/**
 * Steps of EL2 that a host can be given others of. Source: {@code
 * arch/arm64/kvm/hyp/nvhe/mem_protect.c} and {@code pkvm.c} (7.3).
 */
public class HypSteps {
  /** Linux's. */
  public static final HypSteps LINUX = new HypSteps();

  /** Creates Linux's steps. */
  public HypSteps() {}

  /** Tells whether a vCPU's cache may run dry in the middle of a mapping. */
  public boolean cacheIsShort(int pages, int needed) {
    return pages < needed;
  }

  /** A vCPU is refused: the host's page that describes it is let go of. */
  public void vcpuRefused(Runnable unpin) {
    unpin.run();
  }
}
