/**
 * Physical memory and the guards that decide who may touch it. Content is lazy: a page of zeros
 * costs nothing. Trusted halves read and write through {@link
 * dev.cocovisor.api.mem.PhysicalMemory}; everybody else is asked about at every access by a {@link
 * dev.cocovisor.api.mem.PhysicalGuard}.
 */
@NullMarked
package dev.cocovisor.api.mem;

import org.jspecify.annotations.NullMarked;
