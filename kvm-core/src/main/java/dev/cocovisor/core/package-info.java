/**
 * The generic half of KVM: what virt/kvm and arch/x86/kvm do for every kind of VM. {@link
 * dev.cocovisor.core.Kvm} is one host; {@link dev.cocovisor.core.host.KvmProcess} is the system
 * call surface a VMM sees on it. Vendor behaviour comes in through the hook table of {@code
 * dev.cocovisor.api.ops} only.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.core;
