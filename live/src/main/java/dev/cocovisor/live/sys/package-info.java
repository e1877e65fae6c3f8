/**
 * The few functions of the C library that the live parts need, by Java's foreign functions.
 *
 * <p>Each answers as the system call does: a result, or the negative number of the error. Nothing
 * here knows KVM; Linux only, x86-64 and arm64.
 */
@NullMarked
package dev.cocovisor.live.sys;

import org.jspecify.annotations.NullMarked;
