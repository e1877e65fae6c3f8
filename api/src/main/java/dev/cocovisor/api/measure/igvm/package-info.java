/**
 * Files of the Independent Guest Virtual Machine format (IGVM), which hold everything a guest is
 * launched from: pages, save areas, parameters, for several platforms in one file. The reader here
 * knows the container and walks its directives in the order a loader carries them out; what a page
 * means to a measurement is the technologies'. The format is the one of microsoft/igvm's igvm_defs.
 */
@NullMarked
package dev.cocovisor.api.measure.igvm;

import org.jspecify.annotations.NullMarked;
