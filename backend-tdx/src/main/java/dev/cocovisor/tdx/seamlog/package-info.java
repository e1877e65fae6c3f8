/**
 * SEAMCALL logs: programs of SEAMCALLs, TDCALLs and guest accesses with the answers of Intel's own
 * module code. {@link dev.cocovisor.tdx.seamlog.SeamLogReplayer} carries them out on the model and
 * compares every status, register and state line. It drives the trusted half alone, without KVM.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.tdx.seamlog;
