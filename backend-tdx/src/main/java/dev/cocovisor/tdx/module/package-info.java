/**
 * The Intel TDX module: the trusted half of a TDX host. It owns Secure-EPTs, the physical address
 * metadata table and TD life cycles, and answers SEAMCALLs of the host and TDCALLs of guests. It
 * knows nothing of KVM and can be built, driven and tested alone.
 */
@NullMarked
package dev.cocovisor.tdx.module;

import org.jspecify.annotations.NullMarked;
