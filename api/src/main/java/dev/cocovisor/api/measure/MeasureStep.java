package dev.cocovisor.api.measure;

import org.apiguardian.api.API;

/**
 * One page or block that entered a measurement.
 *
 * @param type what it is, by the name the technology's documents use: {@code NORMAL}, {@code VMSA},
 *     {@code MEM.PAGE.ADD}, {@code DATA}, …
 * @param gpa guest-physical address in bytes; -1 where the step has none
 * @param origin where it comes from in words: the place in the image, the section, the vCPU with
 *     the registers that differ between guests; compared when two measurements part
 * @param contentHash hash of its content in hex; empty where the content is not measured
 * @param running the measurement after the step in hex; empty where it cannot be read
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record MeasureStep(
    String type, long gpa, String origin, String contentHash, String running) {}
