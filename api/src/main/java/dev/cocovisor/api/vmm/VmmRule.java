package dev.cocovisor.api.vmm;

import org.apiguardian.api.API;

/**
 * What a technology does in one situation, and who says so.
 *
 * @param says one or two sentences for people, in the technology's own terms
 * @param source where the rule comes from: file and function, or document and section
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record VmmRule(String says, String source) {}
