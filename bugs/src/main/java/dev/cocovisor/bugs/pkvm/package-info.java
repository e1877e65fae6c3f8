/**
 * Bugs of pKVM: of EL2, of KVM's half on arm64, and of arm64's faults.
 *
 * <p>One class a bug, named by its number in the table of known bugs.
 */
@NullMarked
package dev.cocovisor.bugs.pkvm;

import org.jspecify.annotations.NullMarked;
