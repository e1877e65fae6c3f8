/**
 * The pages that the host and the RMM exchange in normal memory: parameters of realms and RECs, and
 * the two halves of a run page. Layouts only; what the values mean is checked by the commands. A
 * host writes and reads them by the same classes, so that an offset stands in one place.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmm.page;
