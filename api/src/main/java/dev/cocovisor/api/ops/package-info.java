/**
 * The hook table, grouped by purpose. Every hook has the kernel's default, so that a backend states
 * only\n * what differs from an ordinary VM.\n
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.api.ops;
