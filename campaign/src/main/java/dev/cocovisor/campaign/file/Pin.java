package dev.cocovisor.campaign.file;

/**
 * A plugin that a campaign uses: no member loads another.
 *
 * @param name the package's file name
 * @param sha256 of its bytes, in hex
 */
public record Pin(String name, String sha256) {}
