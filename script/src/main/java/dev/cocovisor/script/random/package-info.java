/**
 * Random programs over the steps that every technology's guest and VMM have: what draws them, what
 * watches them run, and what makes the shortest of one that went wrong. A seed names a program for
 * good, whatever its technology. Nothing here knows a technology by name; plugins take part as the
 * built-in ones do.
 */
@NullMarked
package dev.cocovisor.script.random;

import org.jspecify.annotations.NullMarked;
