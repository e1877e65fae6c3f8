package dev.cocovisor.api.uapi;

import org.apiguardian.api.API;

/**
 * {@code struct kvm_userspace_memory_region}.
 *
 * @param slot bits 0-15 the slot's number, bits 16-31 the address space
 * @param flags KVM_MEM_*
 * @param guest_phys_addr bytes
 * @param memory_size bytes; 0 deletes
 * @param userspace_addr bytes
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record UserspaceMemoryRegion(
    int slot, int flags, long guest_phys_addr, long memory_size, long userspace_addr) {}
