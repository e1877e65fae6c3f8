/**
 * Lifts what one VMM did to scenarios for every technology: its slots become plugged memory, its
 * attributes conversions, its holes discards, what its guest touched accesses. How a VM is launched
 * is left to each technology's own VMM.
 */
@NullMarked
package dev.cocovisor.script.lift;

import org.jspecify.annotations.NullMarked;
