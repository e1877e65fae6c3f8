/**
 * Guests with their VMM, driven from Java: launch, populate, run, convert, end. The VMM of each
 * technology is its {@link dev.cocovisor.api.vmm.VmmDriver}, so one program drives them all; places
 * in memory are offsets from where RAM begins. What cannot go on throws, with the errno or the exit
 * that ended it.
 */
@NullMarked
package dev.cocovisor.host.guest;

import org.jspecify.annotations.NullMarked;
