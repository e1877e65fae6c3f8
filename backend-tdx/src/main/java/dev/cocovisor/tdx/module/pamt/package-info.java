/**
 * The physical address metadata tables: what every page of a TDMR is, whose, and who holds its
 * lock. Locks are only ever tried, as in the module. The tables know nothing of TDs beyond the
 * address of the owner's root page.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.tdx.module.pamt;
