package com.example.cove.tsm;

import dev.cocovisor.api.PageLevel;

/** {@code enum tsm_page_type}: the size of a mapping. */
public enum PageType {
  PAGE_4K(0),
  PAGE_2MB(1),
  PAGE_1GB(2),
  PAGE_512GB(3);

  private final int level;

  PageType(int level) {
    this.level = level;
  }

  /** Returns its number in a call, which is also the G-stage level of such a leaf. */
  public int level() {
    return level;
  }

  /** Returns the size in bytes. */
  public long bytes() {
    return GStage.entrySize(level);
  }

  /** Returns the size in frames of 4 KiB. */
  public long frames() {
    return bytes() >>> PageLevel.PAGE_SHIFT;
  }
}
