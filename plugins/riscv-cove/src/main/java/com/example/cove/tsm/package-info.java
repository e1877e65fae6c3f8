/**
 * The TEE security manager (TSM) and the memory tracking table: what a CoVE platform trusts. Its
 * callers are the host (COVH), a guest (COVG) and the hart that walks a guest's tables; it knows
 * nothing of KVM and can be driven and tested alone. Source of calls, states and errors: the CoVE
 * specification, chapter on the SBI extensions; where it leaves order open, the Salus TSM.
 */
@NullMarked
package com.example.cove.tsm;

import org.jspecify.annotations.NullMarked;
