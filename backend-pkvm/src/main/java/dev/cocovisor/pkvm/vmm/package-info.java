/**
 * How a VMM launches and converts guests under pKVM. {@link dev.cocovisor.pkvm.vmm.PkvmVmm} knows
 * where RAM lies and which hypercalls a guest makes. It uses system calls only.
 */
@NullMarked
package dev.cocovisor.pkvm.vmm;

import org.jspecify.annotations.NullMarked;
