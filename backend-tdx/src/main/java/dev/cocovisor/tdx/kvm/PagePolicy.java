package dev.cocovisor.tdx.kvm;

/** Which huge pages KVM maps in a TD; a setting of the host, {@code tdx.page-size-policy}. */
public enum PagePolicy {
  /** 4 KiB only, as merged. */
  UPSTREAM("upstream"),
  /**
   * The RFC of April 2025: 2 MiB at run time, no larger than the guest's accept level; prefetch
   * maps 4 KiB; a split asked for under the shared lock is ignored.
   */
  RFC_V1("rfc-v1"),
  /**
   * The third version, January 2026: 2 MiB at run time; an accept at a smaller level splits under
   * the exclusive lock and keeps huge pages away from there for good. It wants a module whose
   * DEMOTE is not interrupted (TDX_FEATURES0 bit 51), and maps 4 KiB only without one.
   */
  V3("v3");

  private final String setting;

  PagePolicy(String setting) {
    this.setting = setting;
  }

  /** Returns the setting's value. */
  public String setting() {
    return setting;
  }

  /** Returns the policy a checked setting names. */
  static PagePolicy of(String setting) {
    for (PagePolicy p : values()) {
      if (p.setting.equals(setting)) {
        return p;
      }
    }
    throw new IllegalArgumentException(setting);
  }
}
