package dev.cocovisor.core.host;

import dev.cocovisor.core.vm.Vcpu;

/**
 * What a vCPU's descriptor names.
 *
 * @param vcpu the vCPU
 * @param run its kvm_run page
 */
record VcpuFile(Vcpu vcpu, KvmRun run) {}
