/**
 * What commands work on: technologies of the class path and of plugins, the settings of hosts, and
 * what technologies bring besides, log formats and measurements.
 */
@NullMarked
package dev.cocovisor.cli.find;

import org.jspecify.annotations.NullMarked;
