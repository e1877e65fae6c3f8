/**
 * How results reach a reader: the console with its colours, tables, trees of events, progress,
 * findings, and the codes a command ends with. Nothing here knows a command.
 */
@NullMarked
package dev.cocovisor.cli.print;

import org.jspecify.annotations.NullMarked;
