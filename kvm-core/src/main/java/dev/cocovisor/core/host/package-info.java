/**
 * One host process that uses KVM: its file descriptors and its user mappings. Every method has the
 * form of a system call and answers as the kernel would, {@code >= 0} or {@code -errno}. A run of a
 * vCPU leaves its details in {@link dev.cocovisor.core.host.KvmRun}, as in the shared kvm_run page.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.core.host;
