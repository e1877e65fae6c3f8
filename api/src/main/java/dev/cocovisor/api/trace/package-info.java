/**
 * What happened, as values: hooks with what they caused inside, firmware calls, changes of hands.
 * Whoever wants to know installs a sink; a sink that nobody installed costs one branch. Events
 * carry text, so that a reader needs no knowledge of the technology.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.api.trace;
