/**
 * What software inside a realm does, as actions of a vCPU: RSI calls and the steps Linux takes at
 * boot and when it shares memory with the host. Nothing here touches the host's state; the actions
 * go through KVM_RUN like those of any guest.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.guest;
