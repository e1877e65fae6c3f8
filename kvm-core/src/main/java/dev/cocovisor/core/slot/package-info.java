/**
 * Memory slots: which guest-physical ranges exist and what is behind them. A set of slots is an
 * immutable snapshot, swapped whole under slots_lock, so that readers take no lock. Deleting and
 * moving go through a snapshot in which the slot is marked invalid.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.core.slot;
