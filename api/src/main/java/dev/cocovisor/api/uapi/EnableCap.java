package dev.cocovisor.api.uapi;

/**
 * {@code struct kvm_enable_cap}; of the four arguments only the first is used by what is modelled.
 *
 * @param cap KVM_CAP_*
 * @param flags must be 0
 * @param arg0 {@code args[0]}
 */
public record EnableCap(int cap, long flags, long arg0) {}
