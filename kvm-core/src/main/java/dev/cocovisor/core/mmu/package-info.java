/**
 * The second stage: tables from guest-physical to host-physical addresses. Leaves and tables are
 * {@code long[512]} arrays changed by compare-and-swap under the shared lock, or plainly under the
 * exclusive one. A mirror root carries each change to the vendor's external table while its entry
 * is frozen.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.core.mmu;
