/**
 * What KVM does for TDs: the {@code KVM_TDX_*} commands, the hooks that carry the mirror to the
 * Secure EPT, EPT violations, MapGPA and teardown. It is the untrusted half; everything it wants of
 * a TD it asks of the module by SEAMCALLs. Page sizes follow one of three published policies
 * ({@link dev.cocovisor.tdx.kvm.PagePolicy}).
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.tdx.kvm;
