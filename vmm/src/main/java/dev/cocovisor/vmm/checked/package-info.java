/**
 * Guests for programs in Java: the steps of {@link dev.cocovisor.vmm.Guest} with what cannot go on
 * thrown, as the errno or the answer that ended it. Nothing is decided here.
 */
@NullMarked
package dev.cocovisor.vmm.checked;

import org.jspecify.annotations.NullMarked;
