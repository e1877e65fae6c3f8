/**
 * Campaigns: exploration, random programs, kit runs and replays over as many machines as there are.
 *
 * <p>A {@link dev.cocovisor.campaign.file.CampaignFile} says what to run; {@code work} makes it
 * into items that each give the same wherever they are made, and says what follows from their
 * results; {@code cluster} has members make them, with Hazelcast. Arrows: cluster → work → file.
 * {@link dev.cocovisor.campaign.Campaign} runs one, and keeps its folder.
 */
@NullMarked
package dev.cocovisor.campaign;

import org.jspecify.annotations.NullMarked;
