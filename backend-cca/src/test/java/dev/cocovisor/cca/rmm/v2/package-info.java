/** Tests of the commands of RMI 2.0. */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmm.v2;
