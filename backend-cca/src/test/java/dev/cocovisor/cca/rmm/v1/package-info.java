/** Tests of the RMM. */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmm.v1;
