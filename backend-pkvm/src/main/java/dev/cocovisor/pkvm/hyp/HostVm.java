package dev.cocovisor.pkvm.hyp;

/**
 * What EL2 reads and writes of the host's {@code struct kvm}, which lies in a page that the host
 * shared with EL2 and EL2 pinned.
 *
 * <p>Owned by the host; EL2 reads it in init_vm and fills the teardown caches in
 * finalize_teardown_vm.
 */
public final class HostVm {
  private final long pfn;
  private final boolean isProtected;
  private final int handle;
  private final int createdVcpus;
  private final Memcache teardown = new Memcache();
  private final Memcache stage2Teardown = new Memcache();

  /**
   * Describes a VM.
   *
   * @param pfn the page it lies in
   * @param isProtected whether EL2 is to keep its memory from the host
   * @param handle what reserve_vm returned
   * @param createdVcpus number of vCPUs created so far
   */
  public HostVm(long pfn, boolean isProtected, int handle, int createdVcpus) {
    this.pfn = pfn;
    this.isProtected = isProtected;
    this.handle = handle;
    this.createdVcpus = createdVcpus;
  }

  /** Returns the page it lies in. */
  public long pfn() {
    return pfn;
  }

  /** Tells whether the VM is a protected one. */
  public boolean isProtected() {
    return isProtected;
  }

  /** Returns the VM's handle. */
  public int handle() {
    return handle;
  }

  /** Returns the number of vCPUs. */
  public int createdVcpus() {
    return createdVcpus;
  }

  /** Returns the cache that receives EL2's metadata pages at teardown ({@code teardown_mc}). */
  public Memcache teardown() {
    return teardown;
  }

  /** Returns the cache that receives stage-2 tables at teardown ({@code stage2_teardown_mc}). */
  public Memcache stage2Teardown() {
    return stage2Teardown;
  }
}
