/**
 * The Intel TDX module: Secure EPT, PAMT, TD and vCPU life cycle, measurement, guest calls. It is
 * the trusted half; it knows nothing of KVM and can be driven alone, by register-level SEAMCALLs
 * ({@link dev.cocovisor.tdx.module.TdxModule#seamcall}) or by the typed {@link
 * dev.cocovisor.tdx.module.SeamCalls}. Below it, from the ground: {@code abi}, {@code pamt}, {@code
 * sept}, {@code td} and {@code keys}, {@code call}. The rules are those of module 1.5.01, checked
 * against a recording of Intel's own code.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.tdx.module;
