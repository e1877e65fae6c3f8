package dev.cocovisor.api.uapi;

/**
 * {@code struct kvm_pre_fault_memory}.
 *
 * @param gpa bytes
 * @param size bytes
 * @param flags must be 0
 */
public record PreFaultMemory(long gpa, long size, long flags) {}
