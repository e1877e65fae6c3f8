/**
 * The {@code campaign} command: runs a campaign, joins one, asks how far it is, ends it.
 *
 * <p>What a campaign does and how members work together is in the campaign module; here are the
 * words of the command line, and the plugins that a campaign pins.
 */
@NullMarked
package dev.cocovisor.cli.campaign;

import org.jspecify.annotations.NullMarked;
