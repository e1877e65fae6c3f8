/**
 * What happened, as values: hooks, firmware calls, counters. A sink that nobody installed costs
 * one\n * branch.\n
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.api.trace;
