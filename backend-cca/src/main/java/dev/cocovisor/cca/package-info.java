/** Arm CCA as a backend. */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca;
