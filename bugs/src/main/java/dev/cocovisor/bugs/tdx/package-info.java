/**
 * Bugs of KVM's half of TDX.
 *
 * <p>One class a bug, named by its number in the table of known bugs, or by what goes wrong where
 * the table has no number.
 */
@NullMarked
package dev.cocovisor.bugs.tdx;

import org.jspecify.annotations.NullMarked;
