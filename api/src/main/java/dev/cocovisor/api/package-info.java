/**
 * The contract between the generic core and a vendor's technology. A technology implements {@link
 * dev.cocovisor.api.Backend} and the hooks it needs; everything else has the kernel's default.
 * Nothing here depends on the core, on a plugin system or on an injector.
 */
@NullMarked
package dev.cocovisor.api;

import org.jspecify.annotations.NullMarked;
