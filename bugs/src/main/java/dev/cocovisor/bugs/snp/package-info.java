/**
 * Bugs of KVM's half of SEV-SNP.
 *
 * <p>One class a bug, named by its number in the table of known bugs, or by what goes wrong where
 * the table has no number.
 */
@NullMarked
package dev.cocovisor.bugs.snp;

import org.jspecify.annotations.NullMarked;
