/**
 * Damaged inputs for everything that reads: logs of every format, scenarios, straces, vector files,
 * firmware images, settings and packages. A mutator damages what a corpus holds, by a seed; no
 * input may end in anything but an answer or an error that says what is wrong with it, and none may
 * go on for ever. Each finding is told with the words that reproduce it.
 */
@NullMarked
package dev.cocovisor.cli.fuzz;

import org.jspecify.annotations.NullMarked;
