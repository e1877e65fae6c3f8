/**
 * KVM's half of pKVM: what arm64 KVM does on a host whose hypervisor keeps page ownership. It pins,
 * charges and donates pages of protected guests, shares those of others, and takes everything back
 * at the end. {@link dev.cocovisor.pkvm.kvm.PkvmBackend} is what the core finds.
 */
@NullMarked
package dev.cocovisor.pkvm.kvm;

import org.jspecify.annotations.NullMarked;
