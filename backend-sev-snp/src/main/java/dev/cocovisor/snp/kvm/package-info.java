/**
 * What KVM's AMD vendor code does for SEV, SEV-ES and SEV-SNP guests: commands, hooks, faults and
 * migration. It decides and orders; ownership of pages is in {@link dev.cocovisor.snp.rmp}, guests
 * are launched by {@link dev.cocovisor.snp.psp}. Each class names the kernel file and function it
 * follows.
 */
@NullMarked
package dev.cocovisor.snp.kvm;

import org.jspecify.annotations.NullMarked;
