package dev.cocovisor.tdx.kvm;

/**
 * Which references to a guest_memfd's folio KVM holds for what it maps in a TD; a setting of the
 * host, {@code tdx.folio-references}. They show where a page cannot be taken away from the TD: only
 * a reference keeps it from being given to somebody else while it is still the TD's.
 */
public enum FolioReferences {
  /** None, as merged: guest_memfd's own is all there is (tdx_sept_remove_leaf_spte, 7.3). */
  NONE("none"),
  /** One for each page that is mapped, given back once it was removed (RFC v1, patch 8). */
  MAPPED("mapped"),
  /**
   * One for a page that could not be removed, as the RFC means to do once guest_memfd converts in
   * place, which wants pages that nobody refers to.
   */
  ON_ERROR("on-error");

  private final String setting;

  FolioReferences(String setting) {
    this.setting = setting;
  }

  /** Returns the setting's value. */
  public String setting() {
    return setting;
  }

  /** Returns what a checked setting names; by itself a policy decides ("auto"). */
  static FolioReferences of(String setting, PagePolicy policy, boolean inPlace) {
    for (FolioReferences r : values()) {
      if (r.setting.equals(setting)) {
        return r;
      }
    }
    return policy == PagePolicy.UPSTREAM
        ? NONE
        : policy == PagePolicy.RFC_V1 && !inPlace ? MAPPED : ON_ERROR;
  }
}
