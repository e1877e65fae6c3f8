package dev.cocovisor.pkvm.hyp;

/**
 * What EL2 reads of the host's {@code struct kvm_vcpu}, pinned like {@link HostVm}.
 *
 * @param pfn the page it lies in
 * @param index the vCPU's index in its VM
 * @param memcache free pages the host offers for stage-2 tables ({@code pkvm_memcache})
 */
public record HostVcpu(long pfn, int index, Memcache memcache) {}
