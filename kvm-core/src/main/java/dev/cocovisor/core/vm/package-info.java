/**
 * A VM and its vCPUs: memory slots, attributes, guest_memfds, faults and the run loop in the order
 * of checks of Linux 7.3. {@link dev.cocovisor.core.vm.Vm} owns the state and the locks; the
 * classes around it are one ioctl each.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.core.vm;
