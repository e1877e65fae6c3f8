package dev.cocovisor.api.uapi;

import org.apiguardian.api.API;

/**
 * {@code struct kvm_memory_attributes}.
 *
 * @param address gpa in bytes
 * @param size bytes
 * @param attributes KVM_MEMORY_ATTRIBUTE_*
 * @param flags must be 0
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record MemoryAttributes(long address, long size, long attributes, long flags) {
  /** KVM_MEMORY_ATTRIBUTE_PRIVATE. */
  public static final long PRIVATE = 1L << 3;
}
