/**
 * The structures of Linux's KVM user API as records, with the kernel's field names and numbers.
 * Only those that cross the line between the core and a technology are here.
 */
@NullMarked
package dev.cocovisor.api.uapi;

import org.jspecify.annotations.NullMarked;
