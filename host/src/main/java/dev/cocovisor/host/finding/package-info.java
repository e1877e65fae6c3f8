/**
 * What can be wrong with a plugin, a model or a request, and how people read it. A {@link
 * dev.cocovisor.host.finding.PluginFinding} has a stable id, says what, why and how to mend it, and
 * lists what there is instead; a {@link dev.cocovisor.host.finding.HostException} carries one out
 * of a request that cannot be met. Knows nothing of packages, loaders or hosts.
 */
@NullMarked
package dev.cocovisor.host.finding;

import org.jspecify.annotations.NullMarked;
