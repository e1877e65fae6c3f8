/**
 * The host's memory: frames from a buddy allocator, their content, the guards that judge accesses,
 * the kernel's direct map, and the mappings of user processes. Content is lazy, a page of zeros
 * costs nothing. Everything the second stage maps comes from here or from guest_memfd.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.core.mem;
