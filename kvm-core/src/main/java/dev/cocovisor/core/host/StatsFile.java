package dev.cocovisor.core.host;

import dev.cocovisor.core.vm.Vm;

/**
 * The file behind KVM_GET_STATS_FD, of a VM or one of its vCPUs. Source: {@code
 * virt/kvm/kvm_main.c}, kvm_vm_ioctl_get_stats_fd: it holds the VM.
 *
 * @param vm whose statistics it holds, or whose vCPU's
 */
record StatsFile(Vm vm) {}
