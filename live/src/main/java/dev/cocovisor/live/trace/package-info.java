/**
 * Records real VMMs: a program runs under ptrace, which stops it at the calls that matter, and the
 * structures of its calls are read from its memory before and after.
 *
 * <p>What a structure looks like stands in a table, not in code. What the guest touched comes from
 * the kernel's tracepoints where they can be read.
 */
@NullMarked
package dev.cocovisor.live.trace;

import org.jspecify.annotations.NullMarked;
