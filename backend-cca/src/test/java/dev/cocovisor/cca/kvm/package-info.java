/** Tests of the host's flow, on a host of a few hundred lines. */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.kvm;
