/**
 * Changing the shape of a realm's tables: making, removing and folding them, reading an entry, and
 * the sweeps that give entries a RIPAS. Commands of every version come here once they know the
 * realm and the tree; which status means that a walk ended early is theirs to say. Whether somebody
 * else has a claim on an entry or a table is asked of {@link
 * dev.cocovisor.cca.rmm.table.PendingClaims}.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmm.table;
