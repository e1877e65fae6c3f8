/**
 * Protected KVM on arm64 as a backend. {@link dev.cocovisor.pkvm.hyp} is the hypervisor that keeps
 * page ownership, {@link dev.cocovisor.pkvm.kvm} is what KVM does with it, {@link
 * dev.cocovisor.pkvm.guest} is what guests do. The reference is Linux 7.3.4 in nVHE protected mode.
 */
@NullMarked
package dev.cocovisor.pkvm;

import org.jspecify.annotations.NullMarked;
