/**
 * From a sound package to backends that can be used: PF4J, class loaders, and what stands between a
 * host and code that may be unloaded. Only {@link dev.cocovisor.host.load.PluginShelf} and {@link
 * dev.cocovisor.host.load.VendorPluginManager} touch PF4J, and nobody loads them where there is no
 * package. What vendor code throws or prints on the way becomes a finding.
 */
@NullMarked
package dev.cocovisor.host.load;

import org.jspecify.annotations.NullMarked;
