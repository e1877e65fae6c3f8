package dev.cocovisor.core.vm;

import dev.cocovisor.core.attr.AttributeRuns;
import dev.cocovisor.core.attr.AttributeStore;
import dev.cocovisor.core.mmu.PageSizePolicy;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.mmu.TlbModel;

/**
 * How the parts of each VM are made.
 *
 * @param attributes makes what keeps the memory attributes
 * @param secondStage makes what maps guest memory
 * @param tlb makes what a vCPU keeps translations in
 * @param pageSizes limits private leaves
 */
public record VmParts(
    AttributeStore.Factory attributes,
    SecondStage.Factory secondStage,
    TlbModel.Factory tlb,
    PageSizePolicy pageSizes) {
  /** The parts that are built in. */
  public static final VmParts DEFAULT =
      new VmParts(
          _ -> new AttributeRuns(),
          SecondStage::standard,
          (_, _) -> TlbModel.directMapped(),
          PageSizePolicy.VENDORS);
}
