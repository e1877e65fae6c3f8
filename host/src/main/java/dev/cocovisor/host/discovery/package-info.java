/**
 * All backends of one program, from its class path and from plugin folders, as one list by id.
 * {@link dev.cocovisor.host.discovery.BackendRegistry} is the way in for every command and for the
 * Java API; it settles which of several providers is used and tells what was left out and why.
 * Readers see a snapshot, changes exclude each other.
 */
@NullMarked
package dev.cocovisor.host.discovery;

import org.jspecify.annotations.NullMarked;
