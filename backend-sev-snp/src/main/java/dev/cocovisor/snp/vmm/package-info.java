/**
 * How a VMM launches and converts SNP guests, for scenarios that compare technologies. It uses
 * system calls and guest actions only. QEMU is the model.
 */
@NullMarked
package dev.cocovisor.snp.vmm;

import org.jspecify.annotations.NullMarked;
