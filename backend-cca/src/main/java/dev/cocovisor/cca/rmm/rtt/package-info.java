/**
 * A realm's translation tables: the shape of its IPA space, the entries, walks and operations on
 * whole tables. A table is an array of entries whose granule is locked; who owns it and which
 * command walks is not known here. A walk ends in a {@link dev.cocovisor.cca.rmm.rtt.Walk} that the
 * caller brings.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmm.rtt;
