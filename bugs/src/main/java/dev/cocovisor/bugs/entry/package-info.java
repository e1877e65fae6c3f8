/**
 * What a bug is: an entry of the table of known bugs with the change that puts it into a host and
 * the scenario that shows it.
 *
 * <p>A change goes through the seams everybody has: a part in place of another, a decorated hook,
 * an interposer. Nothing in the core or a backend asks whether a bug is there.
 */
@NullMarked
package dev.cocovisor.bugs.entry;

import org.jspecify.annotations.NullMarked;
