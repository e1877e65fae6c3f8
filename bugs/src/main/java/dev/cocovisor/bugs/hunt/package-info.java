/**
 * Looks for a bug: puts it in, runs or explores its scenario, and tells what broke; then the same
 * without it.
 *
 * <p>A scenario that names actors is explored, another is run as it stands. Either way every
 * invariant of the host is looked at, and that all memory comes back at the end.
 */
@NullMarked
package dev.cocovisor.bugs.hunt;

import org.jspecify.annotations.NullMarked;
