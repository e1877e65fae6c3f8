/**
 * Reads what strace prints and makes call logs of it: lines are told apart, calls that another
 * thread cut in two are joined, and what has a meaning for guest memory is kept. What strace does
 * not decode is counted by name, never guessed.
 */
@NullMarked
package dev.cocovisor.live.strace;

import org.jspecify.annotations.NullMarked;
