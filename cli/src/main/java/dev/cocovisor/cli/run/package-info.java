/**
 * The commands that run something on the model: scenarios, comparisons, replays, random programs.
 * Each finds its world, hands the work to the script module and prints.
 */
@NullMarked
package dev.cocovisor.cli.run;

import org.jspecify.annotations.NullMarked;
