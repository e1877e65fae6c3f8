/**
 * Faults as a campaign: each allocation and each call into a trusted half of a scenario fails once,
 * one a run, then two of them.
 *
 * <p>{@link dev.cocovisor.explore.faults.FaultCampaign} makes the runs and holds each to what it
 * must be: the step's answer is that of the run without a failure, or an error after which
 * everything is whole and the step can be tried again; at the end nothing is lost but what the
 * model says is.
 */
@NullMarked
package dev.cocovisor.explore.faults;

import org.jspecify.annotations.NullMarked;
