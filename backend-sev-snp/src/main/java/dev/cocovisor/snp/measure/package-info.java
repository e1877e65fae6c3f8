/**
 * Launch measurements of SEV, SEV-ES and SEV-SNP guests from the files they boot from: what a VMM
 * would put into the guest before its first instruction, in the order it would, taken into the
 * digest of the {@code psp} package. It reads the metadata that OVMF and SVSM images carry, builds
 * the save areas that QEMU, EC2 and GCE give their vCPUs, and the table of kernel hashes. It needs
 * no guest, no RMP and no firmware context.
 */
@NullMarked
package dev.cocovisor.snp.measure;

import org.jspecify.annotations.NullMarked;
