/**
 * Plugin packages as files: read, checked, ordered and unpacked without running any of their code.
 * {@link dev.cocovisor.host.pack.PluginPackage} is what a zip or jar says about itself and what is
 * wrong with it; folders, dependencies, versions and the list of those switched off are told here
 * too. Nothing in this package creates a class loader.
 */
@NullMarked
package dev.cocovisor.host.pack;

import org.jspecify.annotations.NullMarked;
