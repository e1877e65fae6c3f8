/**
 * A run walked by hand on a terminal: forwards, backwards, until something happens, with every
 * table to look at on the way. The run was made before; walking only reads what it says.
 */
@NullMarked
package dev.cocovisor.cli.step;

import org.jspecify.annotations.NullMarked;
