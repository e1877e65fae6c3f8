/**
 * Bugs of the generic half of KVM: slots, attributes, guest_memfd, the TDP MMU and what keeps those
 * apart who act at once.
 *
 * <p>One class a bug, named by its number in the table of known bugs, or by what goes wrong where
 * the table has no number.
 */
@NullMarked
package dev.cocovisor.bugs.core;

import org.jspecify.annotations.NullMarked;
