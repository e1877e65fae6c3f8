/**
 * The commands of RMI 1.0: one row each in {@link dev.cocovisor.cca.rmm.v1.RmiCommand}, carried out
 * by one class a family. Order of checks, statuses and outputs are those of TF-RMM
 * rmm-spec-v1.0-rel0, whose recorded answers are replayed in the tests. No other package knows it
 * but the host that speaks 1.0.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmm.v1;
