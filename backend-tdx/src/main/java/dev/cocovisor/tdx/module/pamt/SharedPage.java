package dev.cocovisor.tdx.module.pamt;

/** A control page whose PAMT entry so many processors share that they are counted apart. */
public interface SharedPage {
  /** Returns who shares the entry. */
  Sharers sharers();
}
