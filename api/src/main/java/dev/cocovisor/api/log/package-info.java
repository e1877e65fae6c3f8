/**
 * What a log format offers the command line: parse, replay, compare. Each vendor's own log format
 * is\n * found through ServiceLoader, as backends are. The values of a call line are typed here
 * once for all.\n
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.api.log;
