/**
 * The trusted half of pKVM: what runs at EL2 and decides who owns which page. {@link
 * dev.cocovisor.pkvm.hyp.Hyp} takes hypercalls from the host and from guests; page states, the
 * host's stage 2, EL2's own mappings and the guests' stage 2 change only through the transitions
 * here. Knows nothing of KVM's half and can be driven alone.
 */
@NullMarked
package dev.cocovisor.pkvm.hyp;

import org.jspecify.annotations.NullMarked;
