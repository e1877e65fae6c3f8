/**
 * Makes call logs of what real programs did: descriptors are followed from call to call, and only
 * what touches KVM or guest memory is kept. Importer and recorder both end here, so that a program
 * seen by either becomes the same log.
 */
@NullMarked
package dev.cocovisor.live.log;

import org.jspecify.annotations.NullMarked;
