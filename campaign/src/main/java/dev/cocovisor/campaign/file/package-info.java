/**
 * Campaign files: what to run, in YAML.
 *
 * <p>Files are read with places, so that what is wrong in one is told with its line and column.
 * Nothing is run here, and nothing is looked up but the files that a campaign names.
 */
@NullMarked
package dev.cocovisor.campaign.file;

import org.jspecify.annotations.NullMarked;
