/**
 * Running a REC: the entry, what software in the realm does meanwhile (RSI, PSCI, memory accesses),
 * and the exit that ends the run. A REC belongs to the PE that runs it, so most of this takes no
 * lock but for the tables it walks. The host's part in PSCI is here because both halves are one
 * protocol.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmm.run;
