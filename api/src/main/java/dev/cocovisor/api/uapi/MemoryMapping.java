package dev.cocovisor.api.uapi;

import org.apiguardian.api.API;

/**
 * {@code struct kvm_memory_mapping} of KVM_MAP_MEMORY v2.
 *
 * @param base_address gpa in bytes
 * @param size bytes
 * @param flags must be 0
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record MemoryMapping(long base_address, long size, long flags) {}
