/**
 * How a VMM of one technology launches, populates, converts and ends its guests. A scenario asks
 * for steps that every technology has; a driver carries them out by the ioctls, and in the guest by
 * the instructions, that its own VMM and guest would use. Drivers need nothing but {@link
 * dev.cocovisor.api.vmm.VmmCalls}, so they are tested by mocking it.
 */
@NullMarked
package dev.cocovisor.api.vmm;

import org.jspecify.annotations.NullMarked;
