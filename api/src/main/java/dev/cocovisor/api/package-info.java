/**
 * The contract between the generic core and a vendor's backend. A backend implements {@link\n *
 * dev.cocovisor.api.Backend} and the hooks it needs; everything else has the kernel's default.
 * Nothing\n * here depends on the core, on a plugin system or on an injector.\n
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.api;
