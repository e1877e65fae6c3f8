/**
 * RISC-V CoVE for Cocovisor, written against the published api alone. Confidential VMs (TVMs) are
 * kept by a TEE security manager, which tracks every frame in a memory tracking table and keeps the
 * guests' G-stage tables in confidential memory. KVM's half asks it by the calls of the CoVE SBI.
 */
@NullMarked
package com.example.cove;

import org.jspecify.annotations.NullMarked;
