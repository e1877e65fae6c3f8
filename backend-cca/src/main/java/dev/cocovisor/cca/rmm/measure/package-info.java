/**
 * Measurements of a realm: the hash chain over what the host built, and its algorithms. They need
 * no granules and no tables, so an expected value can be computed without an RMM. Only this package
 * knows how a digest is padded into a slot.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmm.measure;
