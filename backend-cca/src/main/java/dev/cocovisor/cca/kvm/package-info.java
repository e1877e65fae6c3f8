/**
 * What KVM does for realms on the host: the flow of the "Support for Arm CCA in KVM" series on top
 * of RMI 1.0. The host owns no second stage here: it gives granules away, asks the RMM to map them,
 * makes tables where the RMM says one is missing, and takes everything back at the end. The trusted
 * half, in the {@code rmm} package, knows nothing of this one.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.kvm;
