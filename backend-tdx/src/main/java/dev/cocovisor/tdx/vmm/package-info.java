/**
 * How a VMM launches and converts TDs. {@link dev.cocovisor.tdx.vmm.TdxVmm} knows the KVM_TDX
 * commands in their order and what a Linux guest does to accept memory. It uses system calls only.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.tdx.vmm;
