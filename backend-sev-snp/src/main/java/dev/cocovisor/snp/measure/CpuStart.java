package dev.cocovisor.snp.measure;

/**
 * What decides a vCPU's first save area besides where it starts.
 *
 * @param vmm whose launch
 * @param kernel the host's kernel
 * @param product the host's processor
 * @param signature what EDX holds, with VMMs that put it there
 * @param features SEV_FEATURES of an SNP guest; other guests have fixed ones
 */
record CpuStart(Vmm vmm, HostKernel kernel, Product product, int signature, long features) {
  /** The start of a guest without save areas. */
  static final CpuStart NONE = new CpuStart(Vmm.QEMU, HostKernel.CURRENT, Product.MILAN, 0, 0);

  /** Returns a copy for a guest of SEV-ES, whose features are the kernel's choice. */
  CpuStart sevEs() {
    return new CpuStart(vmm, kernel, product, signature, kernel.sevEsFeatures());
  }

  /** Returns where save areas are measured: the processor matters on GCE alone. */
  long vmsaGpa() {
    return (vmm == Vmm.GCE ? product : Product.MILAN).vmsaGpa();
  }

  /** Returns what EDX holds. */
  int edx() {
    return vmm.hasSignature() ? signature : vmm.rdx();
  }
}
