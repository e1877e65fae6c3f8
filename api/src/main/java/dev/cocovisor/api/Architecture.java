package dev.cocovisor.api;

/** Host architectures the model knows. */
public enum Architecture {
  /** x86-64: TDP MMU, KVM_EXIT_HLT at the end of an access. */
  X86_64,
  /** arm64: stage 2, accesses that just complete. */
  ARM64,
  /** RISC-V: G-stage. */
  RISCV64
}
