/**
 * A process of a few hundred bytes of machine code that carries out single system calls and memory
 * accesses for somebody else.
 *
 * <p>What a program does to its address space and to KVM happens there and ends with it, so that
 * the Java process is untouched; an access that faults is an answer, and a call that never returns
 * is ended by a timer. The code is a listing among the resources, one for each processor.
 */
@NullMarked
package dev.cocovisor.live.agent;

import org.jspecify.annotations.NullMarked;
