package dev.cocovisor.core.host;

/**
 * A VM's page counters, as in its binary stats file.
 *
 * @param pages4k leaf mappings of 4 KiB
 * @param pages2m leaf mappings of 2 MiB
 * @param pages1g leaf mappings of 1 GiB
 */
public record PageStats(long pages4k, long pages2m, long pages1g) {}
