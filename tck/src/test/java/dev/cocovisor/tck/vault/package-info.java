/**
 * A small third-party technology and the ways its trusted half can be wrong. Guests' memory is the
 * VMM's own, made secret page by page; images are unpacked before a verification ends the launch,
 * and a guest shares pages in place. Each flaw is one line inside the half.
 */
@NullMarked
package dev.cocovisor.tck.vault;

import org.jspecify.annotations.NullMarked;
