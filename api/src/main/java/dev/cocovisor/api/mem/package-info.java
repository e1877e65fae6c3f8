/**
 * Physical memory and the guards that decide who may touch it. Content is lazy: a page of zeros
 * costs\n * nothing. Trusted halves read and write through {@link
 * dev.cocovisor.api.mem.PhysicalMemory}; everybody\n * else is asked about at every {@link
 * dev.cocovisor.api.mem.PhysicalGuard}.\n
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.api.mem;
