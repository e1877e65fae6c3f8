/**
 * One guest for everybody and the technologies there are. Whoever drives a VM, a script, the Java
 * API, the JUnit extension or the compatibility kit, does it through {@link
 * dev.cocovisor.vmm.Guest}; what a technology's VMM does at each step is its {@link
 * dev.cocovisor.api.vmm.VmmDriver}'s to say.
 */
@NullMarked
package dev.cocovisor.vmm;

import org.jspecify.annotations.NullMarked;
