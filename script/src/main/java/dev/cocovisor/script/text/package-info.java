/**
 * The text of call logs: characters, values, lines, and the one way to write them again. A line
 * knows nothing of what its words mean; whatever a vendor adds passes through as names and values.
 */
@NullMarked
package dev.cocovisor.script.text;

import org.jspecify.annotations.NullMarked;
