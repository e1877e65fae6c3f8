/**
 * How a VMM runs realms: the ioctls of a launch, populations and conversions, what the realm does
 * to ask for them, and what its registers mean afterwards. It makes system calls only, and knows
 * the realm's own calls by the {@code guest} package; nothing of KVM's half or of the RMM's
 * insides. {@link dev.cocovisor.cca.vmm.CcaRules} says in words what a realm does in each
 * situation.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.vmm;
