/**
 * The core's table of what differs between kernels, and the small strategies it binds. A row says
 * what changed, since when, by which commit and who saw it; the code asks for the row's strategy
 * when a host or a VM is made. How a host's settings choose its kernel is here too.
 */
@NullMarked
package dev.cocovisor.core.kernel;

import org.jspecify.annotations.NullMarked;
