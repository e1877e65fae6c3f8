/**
 * What a log format offers the command line: parse, replay, compare. A technology's own formats are
 * given by {@link dev.cocovisor.api.Backend#replayers}. The values of a call line are typed here
 * once for all.
 */
@NullMarked
package dev.cocovisor.api.log;

import org.jspecify.annotations.NullMarked;
