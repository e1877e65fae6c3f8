/**
 * Scenarios: steps that every technology has, carried out by the VMM of the one a scenario runs on,
 * among raw calls. A session is one program on a host of its own; what each step caused is recorded
 * and watched.
 */
@NullMarked
package dev.cocovisor.script.scenario;

import org.jspecify.annotations.NullMarked;
