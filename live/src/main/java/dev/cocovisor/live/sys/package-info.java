/**
 * The system beneath the live parts: the few functions of the C library they need, by Java's
 * foreign functions, and struct kvm_run as the kernel lays it out.
 *
 * <p>Each function answers as the system call does: a result, or the negative number of the error.
 * Linux only, x86-64 and arm64.
 */
@NullMarked
package dev.cocovisor.live.sys;

import org.jspecify.annotations.NullMarked;
