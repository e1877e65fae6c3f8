/**
 * What can happen when several act at once: the interleavings, choices and faults of a scenario,
 * searched.
 *
 * <p>A {@link dev.cocovisor.explore.Subject} builds, as often as asked, a fresh {@link
 * dev.cocovisor.explore.Trial}: a host and the parts that act on it. An {@link
 * dev.cocovisor.explore.Execution} lets the parts run as virtual threads on a scheduler of its own,
 * so that one part goes on at a time and the order is a {@link dev.cocovisor.explore.Schedule}. A
 * {@link dev.cocovisor.explore.Strategy} says which order comes next; {@link
 * dev.cocovisor.explore.Explorer} runs schedule after schedule, holds each to the {@link
 * dev.cocovisor.explore.Oracle}s and reports what broke as {@link dev.cocovisor.explore.Finding}s,
 * minimised.
 */
@NullMarked
package dev.cocovisor.explore;

import org.jspecify.annotations.NullMarked;
