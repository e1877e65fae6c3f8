/**
 * One guest for everybody and the technologies there are. Whoever drives a VM, a script, the Java
 * API, the JUnit extension or the compatibility kit, does it through {@link
 * dev.cocovisor.vmm.Guest}; what a technology's VMM does at each step, and what its guest was told,
 * is its {@link dev.cocovisor.api.vmm.VmmDriver}'s to say. {@link dev.cocovisor.vmm.Technologies}
 * are handed in by who found the backends: nothing here looks for any.
 */
@NullMarked
package dev.cocovisor.vmm;

import org.jspecify.annotations.NullMarked;
