package dev.cocovisor.api.uapi;

import org.apiguardian.api.API;

/**
 * {@code struct kvm_enable_cap}; of the four arguments only the first is used by what is modelled.
 *
 * @param cap KVM_CAP_*
 * @param flags must be 0
 * @param arg0 {@code args[0]}
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record EnableCap(int cap, long flags, long arg0) {}
