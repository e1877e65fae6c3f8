/**
 * The commands that bring real programs in: a trace is imported, a VMM recorded, its log lifted to
 * a scenario for every technology.
 */
@NullMarked
package dev.cocovisor.cli.trace;

import org.jspecify.annotations.NullMarked;
