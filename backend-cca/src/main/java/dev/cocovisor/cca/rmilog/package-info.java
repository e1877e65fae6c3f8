/**
 * The call logs of the RMM ({@code .rmilog}): every call made to TF-RMM and every answer it gave. A
 * log is parsed line by line and carried out on a fresh model for each program; statuses, outputs,
 * granule states, reference counts, measurements and run pages are compared. The grammar is in
 * docs/logs.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmilog;
