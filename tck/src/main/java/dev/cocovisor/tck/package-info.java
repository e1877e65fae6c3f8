/** The compatibility kit for backends. */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.tck;
