/**
 * The commands of RMI 2.0: one row each in {@link dev.cocovisor.cca.rmm.v2.Rmi2Command}, carried
 * out by one class a family. Ranges with partial progress, commands that stop half way and leave an
 * {@link dev.cocovisor.cca.rmm.op.StatefulOperation}, a translation tree for each plane. Order of
 * checks, statuses and outputs are those of TF-RMM 9a7f8ef4 (2.0-bet2), whose recorded answers are
 * replayed in the tests.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmm.v2;
