/**
 * Calls into the RMM seen from both sides: the processing element that makes them, the status they
 * return, and the row that a command is. Every version of RMI shares them. Dispatch, trace, logs
 * and plans of failures read the same row.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmm.call;
