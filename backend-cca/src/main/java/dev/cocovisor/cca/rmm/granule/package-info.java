/**
 * Granules: what each 4 KiB of tracked memory is, who counts on it, and its lock. The table names
 * roles by numbers and keeps what stands for a granule's content without knowing it. EL3, which
 * moves a granule between address spaces, and the check every access of the machine meets stand
 * here too.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmm.granule;
