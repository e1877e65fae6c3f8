/**
 * The structures of Linux's KVM user API as records, with the kernel's field names and numbers.\n
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.api.uapi;
