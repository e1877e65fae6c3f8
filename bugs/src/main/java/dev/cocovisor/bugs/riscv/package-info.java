/**
 * Bugs of KVM on RISC-V, shown on the CoVE sample.
 *
 * <p>One class a bug, named by its number in the table of known bugs.
 */
@NullMarked
package dev.cocovisor.bugs.riscv;

import org.jspecify.annotations.NullMarked;
