package dev.cocovisor.tdx.kvm;

/** How pages get into a TD that is being built; a setting of the host, {@code tdx.population}. */
public enum BuildPopulation {
  /** KVM_TDX_INIT_MEM_REGION maps what it adds, and nothing else maps before the TD runs. */
  INIT_MEM_REGION("init-mem-region"),
  /**
   * The series of 2024: KVM_MAP_MEMORY first, which makes tables and mirror entries but adds no
   * page; then KVM_TDX_INIT_MEM_REGION, which refuses what is not mapped. A page mapped and never
   * added keeps the TD from being finalized.
   */
  MAP_MEMORY("map-memory");

  private final String setting;

  BuildPopulation(String setting) {
    this.setting = setting;
  }

  /** Returns the setting's value. */
  public String setting() {
    return setting;
  }

  /** Returns the way a checked setting names. */
  static BuildPopulation of(String setting) {
    for (BuildPopulation p : values()) {
      if (p.setting.equals(setting)) {
        return p;
      }
    }
    throw new IllegalArgumentException(setting);
  }
}
