/**
 * The field's history: bugs of KVM, its vendor halves and trusted halves that really happened and
 * were mended in public, as parts one can put into a host.
 *
 * <p>Each bug is a small class in the package of what it is about; {@link dev.cocovisor.bugs.Bugs}
 * lists them, and what of the table of known bugs this model cannot hold. {@code
 * docs/known-bugs.md} is the table.
 */
@NullMarked
package dev.cocovisor.bugs;

import org.jspecify.annotations.NullMarked;
