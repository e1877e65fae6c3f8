/**
 * The compatibility kit: rules that every backend keeps, as JUnit tests on a real machine of
 * kvm-core. A backend's own tests extend {@link dev.cocovisor.tck.BackendTck} and name it; the
 * command {@code cocovisor tck} runs the same rules on anything that is loaded. Each rule has an id
 * and a source, and what a backend does not offer is not skipped: its documented refusal is
 * asserted.
 */
@NullMarked
package dev.cocovisor.tck;

import org.jspecify.annotations.NullMarked;
