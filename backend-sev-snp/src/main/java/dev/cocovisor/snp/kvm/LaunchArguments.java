package dev.cocovisor.snp.kvm;

/** When SNP_LAUNCH_UPDATE looks at a length of 0 and at its source. */
enum LaunchArguments {
  /** Neither is looked at: the page that is filled finds what is missing. */
  TAKEN(false, false),

  /** No page and a source that is not aligned are refused at once. */
  ALIGNED(true, false),

  /** A missing source too. */
  CHECKED(true, true);

  private final boolean aligned;
  private final boolean present;

  LaunchArguments(boolean aligned, boolean present) {
    this.aligned = aligned;
    this.present = present;
  }

  /** Tells whether no page, or a source that is not aligned, is refused at once. */
  boolean aligned() {
    return aligned;
  }

  /** Tells whether a missing source is refused at once. */
  boolean present() {
    return present;
  }
}
