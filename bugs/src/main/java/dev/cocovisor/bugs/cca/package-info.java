/**
 * Bugs of the RMM, of 1.0 and of 2.0, and of KVM's half of CCA.
 *
 * <p>Their scenarios are programs of {@code .rmilog}: recorded ones, whose answers are TF-RMM's as
 * it was mended, or what the model answers without the bug.
 */
@NullMarked
package dev.cocovisor.bugs.cca;

import org.jspecify.annotations.NullMarked;
