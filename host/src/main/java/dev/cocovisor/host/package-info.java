/**
 * Finds backends on the class path and in plugin folders, and composes models of a host from them.
 * {@link dev.cocovisor.host.BackendRegistry} is the way in; PF4J is touched only where a plugin
 * folder holds a package. What does not fit is reported as a {@link dev.cocovisor.host.Finding}
 * with an id, never by a stack trace.
 */
@NullMarked
package dev.cocovisor.host;

import org.jspecify.annotations.NullMarked;
