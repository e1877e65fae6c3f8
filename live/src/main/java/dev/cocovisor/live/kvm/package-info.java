/**
 * Call logs on this machine's own /dev/kvm.
 *
 * <p>Each program runs in an agent of its own: its calls are made there, its guest is a stub of a
 * few instructions that does what the log's guest actions say, and what the kernel answers is
 * written as a call log again. What the kernel or this stub cannot do is passed over by name.
 */
@NullMarked
package dev.cocovisor.live.kvm;

import org.jspecify.annotations.NullMarked;
