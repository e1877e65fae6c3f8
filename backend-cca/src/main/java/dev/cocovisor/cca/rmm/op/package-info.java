/**
 * Operations that stop half way: RMI 2.0's stateful commands once they have returned INCOMPLETE. An
 * {@link dev.cocovisor.cca.rmm.op.StatefulOperation} owns what it has begun; {@link
 * dev.cocovisor.cca.rmm.op.Operations} gives them handles and knows which entries and tables they
 * claim. Memory goes in and out by address lists in the host's pages.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmm.op;
