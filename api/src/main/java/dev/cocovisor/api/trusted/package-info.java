/**
 * Trusted halves seen from outside: the rows of calls they take, what is asked before each, and the
 * failures a run plans. The same for a TDX module, an SNP firmware and RMP, a hypervisor at EL2 and
 * an RMM.
 */
@NullMarked
package dev.cocovisor.api.trusted;

import org.jspecify.annotations.NullMarked;
