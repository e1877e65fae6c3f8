package dev.cocovisor.api.vmm;

/**
 * What a technology does in one situation, and who says so.
 *
 * @param says one or two sentences for people, in the technology's own terms
 * @param source where the rule comes from: file and function, or document and section
 */
public record VmmRule(String says, String source) {}
