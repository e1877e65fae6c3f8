/**
 * This machine's own KVM and the VMMs that run on it.
 *
 * <p>Traces of real programs are read ({@code strace}) or taken ({@code trace}) and become call
 * logs that the model replays; call logs are run on the machine's own kernel ({@code kvm}). Nothing
 * here decides what an answer means: that is the notation's and the model's.
 */
@NullMarked
package dev.cocovisor.live;

import org.jspecify.annotations.NullMarked;
