package dev.cocovisor.explore;

import dev.cocovisor.cca.kvm.CcaBackend;
import dev.cocovisor.pkvm.kvm.PkvmBackend;
import dev.cocovisor.snp.kvm.SevBackend;
import dev.cocovisor.tdx.kvm.TdxBackend;
import dev.cocovisor.vmm.Technologies;
import java.util.List;

/** Every technology of this repository. */
public final class All {
  /** Software-protected, TDX, SEV-SNP, pKVM and CCA. */
  public static final Technologies TECHNOLOGIES =
      Technologies.of(
          List.of(new TdxBackend(), new SevBackend(), new PkvmBackend(), new CcaBackend()));

  private All() {}
}
