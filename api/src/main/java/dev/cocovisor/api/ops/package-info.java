/**
 * The hook table, grouped by purpose. Every hook has the kernel's default, so that a technology
 * states only what differs from an ordinary VM. Hooks answer with values and never throw.
 */
@NullMarked
package dev.cocovisor.api.ops;

import org.jspecify.annotations.NullMarked;
