/**
 * Members of a campaign: who may join, and how they make items together.
 *
 * <p>All of it is Hazelcast's: members find each other, keep the items and results of a round in
 * maps of which another member always has a copy, and make items in a Jet job whose snapshots say
 * how far it came. A result is kept under its item, so that one that is made twice counts once.
 */
@NullMarked
package dev.cocovisor.campaign.cluster;

import org.jspecify.annotations.NullMarked;
