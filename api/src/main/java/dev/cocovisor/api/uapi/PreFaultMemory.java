package dev.cocovisor.api.uapi;

import org.apiguardian.api.API;

/**
 * {@code struct kvm_pre_fault_memory}.
 *
 * @param gpa bytes
 * @param size bytes
 * @param flags must be 0
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record PreFaultMemory(long gpa, long size, long flags) {}
