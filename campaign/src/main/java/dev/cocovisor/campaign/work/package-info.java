/**
 * What a campaign does: its tasks, the items they are made of, what making one gives, and what is
 * to be made after that.
 *
 * <p>An item gives the same result wherever and whenever it is made, and {@link
 * dev.cocovisor.campaign.work.Course} says what comes next by looking at results alone; so a
 * campaign finds the same with one member or a hundred. Nothing here knows of machines.
 */
@NullMarked
package dev.cocovisor.campaign.work;

import org.jspecify.annotations.NullMarked;
