/**
 * A library of races: what VMMs, guests and hosts do to one VM, any two of which can be made at the
 * same time on any technology.
 *
 * <p>{@link dev.cocovisor.explore.library.Operation} names what can be done, {@link
 * dev.cocovisor.explore.library.Meeting} is some of them done together to one VM, and {@link
 * dev.cocovisor.explore.library.Library} lists the pairs and triples a technology has. The answers
 * are not judged by whole calls, since many may be told to try again; what is held is every
 * invariant, that somebody can always go on, that no VM dies and that nothing is left.
 */
@NullMarked
package dev.cocovisor.explore.library;

import org.jspecify.annotations.NullMarked;
