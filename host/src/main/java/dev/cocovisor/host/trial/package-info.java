/**
 * Packages judged from outside: their code runs first in a process of its own, with limits on time,
 * memory and disk, and what it does there is a finding. {@link
 * dev.cocovisor.host.trial.PackageTrial} is the side that starts the process and reads its report,
 * {@link dev.cocovisor.host.trial.TrialMain} what runs in it. Verdicts are kept by checksum, so
 * that a known package costs a look-up.
 */
@NullMarked
package dev.cocovisor.host.trial;

import org.jspecify.annotations.NullMarked;
