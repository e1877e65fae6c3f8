/** Measurements with JMH. */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.bench;
